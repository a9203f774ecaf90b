//! The command line of each node: the user's words, with the node's own place in them.

/// What stands for a part of a node's place.
const MARKS: [&str; 4] = ["{listen}", "{join}", "{nodes}", "{index}"];

/// Where a node is, among the others.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Its number, from 1.
    pub(super) index: usize,
    /// `host:port`.
    pub(super) address: String,
    /// The URL of the first node.
    join: String,
    /// All addresses, with commas between.
    nodes: String,
}

/// The places of nodes at these addresses.
pub(super) fn places(addresses: &[String]) -> Vec<Place> {
    let join = addresses.first().map_or_else(String::new, |first| format!("http://{first}"));
    let nodes = addresses.join(",");
    let place = |(position, address): (usize, &String)| Place {
        index: position + 1,
        address: address.clone(),
        join: join.clone(),
        nodes: nodes.clone(),
    };
    addresses.iter().enumerate().map(place).collect()
}

impl Place {
    /// The program and its arguments for this node.
    pub(super) fn words(&self, given: &[String]) -> Vec<String> {
        if given.iter().any(|word| MARKS.iter().any(|mark| word.contains(mark))) {
            return given.iter().map(|word| self.filled(word)).collect();
        }
        let mut words = given.to_vec();
        words.extend(["node", "--listen", &self.address].map(str::to_owned));
        match self.index {
            1 => words.push("--seed".to_owned()),
            _ => words.extend(["--join".to_owned(), self.join.clone()]),
        }
        words
    }

    fn filled(&self, word: &str) -> String {
        let index = self.index.to_string();
        let values = [&self.address, &self.join, &self.nodes, &index];
        // No value has a brace in it, so none is taken for a mark.
        MARKS.iter().zip(values).fold(word.to_owned(), |word, (mark, value)| word.replace(mark, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(given: &str, position: usize) -> String {
        let given: Vec<String> = given.split(' ').map(str::to_owned).collect();
        places(&["h:1".to_owned(), "h:2".to_owned()])[position].words(&given).join(" ")
    }

    #[test]
    fn marks_are_filled_wherever_they_stand() {
        assert_eq!(words("app --at={listen} -j {join} {nodes} n{index}", 1), "app --at=h:2 -j http://h:1 h:1,h:2 n2");
    }

    #[test]
    fn without_marks_the_first_node_is_the_seed_of_the_others() {
        assert_eq!(words("app -v {other}", 0), "app -v {other} node --listen h:1 --seed");
        assert_eq!(words("app", 1), "app node --listen h:2 --join http://h:1");
    }
}
