//! Checks a history of calls: what was acknowledged happened once, and in order.

use std::collections::{BTreeMap, BTreeSet, HashSet};

/// How a call that changes something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The provider answered this: a counter's value, a list's length.
    Acknowledged(u64),
    /// It failed, and did not run.
    NotExecuted,
    /// It failed, and may have run.
    Unknown,
}

/// All that was done with one counter, and its value afterwards.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub increments: Vec<End>,
    pub last: u64,
}

/// All that was done with one list, and what it held afterwards. Each item was appended by one call.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// Each writer's items, in the order in which it appended them, one after the other.
    pub writers: BTreeMap<usize, Vec<(String, End)>>,
    pub last: Vec<String>,
}

/// What a counter's history breaks.
pub(crate) fn counter(key: &str, history: &Counted) -> Vec<String> {
    let mut broken = Vec::new();
    let mut seen = BTreeSet::new();
    for end in &history.increments {
        if let End::Acknowledged(value) = end
            && !seen.insert(*value)
        {
            broken.push(format!("{key}: {value} was acknowledged twice"));
        }
    }
    let unknown = history.increments.iter().filter(|end| **end == End::Unknown).count() as u64;
    let acknowledged = seen.len() as u64;
    if history.last < acknowledged {
        broken.push(format!("{key}: {acknowledged} increments were acknowledged, and it stands at {}", history.last));
    }
    if history.last > acknowledged + unknown {
        let most = acknowledged + unknown;
        broken.push(format!("{key}: at most {most} increments can have run, and it stands at {}", history.last));
    }
    if let Some(highest) = seen.last().filter(|highest| **highest > history.last) {
        broken.push(format!("{key}: {highest} was acknowledged, and it stands at {}", history.last));
    }
    // Each value below the highest was given by some call: by an acknowledged one, or by one whose reply was lost.
    let gaps = seen.last().map_or(0, |highest| highest - acknowledged);
    if gaps > unknown {
        broken
            .push(format!("{key}: {gaps} values are missing among the acknowledged ones, {unknown} calls are unknown"));
    }
    broken
}

/// What a list's history breaks.
pub(crate) fn list(key: &str, history: &Listed) -> Vec<String> {
    let mut broken = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, item) in history.last.iter().enumerate() {
        if places.insert(item, place).is_some() {
            broken.push(format!("{key}: {item} is in the list twice"));
        }
    }
    let mut known = HashSet::new();
    for (item, end) in history.writers.values().flatten() {
        known.insert(item.as_str());
        match (end, places.get(item.as_str())) {
            (End::Acknowledged(_), None) => broken.push(format!("{key}: {item} was acknowledged, and is not there")),
            (End::Acknowledged(length), Some(place)) if *place as u64 + 1 != *length => {
                broken.push(format!("{key}: {item} was acknowledged as number {length}, and is number {}", place + 1));
            }
            (End::NotExecuted, Some(_)) => broken.push(format!("{key}: {item} was not executed, and is there")),
            _ => {}
        }
    }
    for item in history.last.iter().filter(|item| !known.contains(item.as_str())) {
        broken.push(format!("{key}: nobody has appended {item}"));
    }
    for items in history.writers.values() {
        let order: Vec<_> = items.iter().filter_map(|(item, _)| places.get(item.as_str())).collect();
        if !order.is_sorted() {
            broken.push(format!("{key}: the items of one writer are out of order"));
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::End::{Acknowledged, NotExecuted, Unknown};
    use super::*;

    fn counted(increments: &[End], last: u64) -> usize {
        counter("k", &Counted { increments: increments.to_vec(), last }).len()
    }

    fn listed(writers: &[&[(&str, End)]], last: &[&str]) -> usize {
        let own = |items: &&[(&str, End)]| items.iter().map(|(item, end)| ((*item).to_owned(), *end)).collect();
        let writers = writers.iter().map(own).enumerate().collect();
        list("k", &Listed { writers, last: last.iter().map(|item| (*item).to_owned()).collect() }).len()
    }

    #[test]
    fn what_may_happen_is_no_violation() {
        assert_eq!(counted(&[], 0), 0);
        assert_eq!(counted(&[Acknowledged(2), Acknowledged(1), NotExecuted], 2), 0);
        for last in [1, 2] {
            assert_eq!(counted(&[Acknowledged(1), Unknown], last), 0);
        }
        assert_eq!(counted(&[Unknown, Acknowledged(2)], 2), 0);
        let appended: &[_] = &[("a", Acknowledged(1)), ("b", NotExecuted), ("c", Unknown)];
        assert_eq!(listed(&[appended, &[("d", Acknowledged(2))]], &["a", "d"]), 0);
        assert_eq!(listed(&[appended, &[("d", Acknowledged(2))]], &["a", "d", "c"]), 0);
    }

    #[test]
    fn each_planted_violation_of_a_counter_is_found() {
        assert_eq!(counted(&[Acknowledged(1), Acknowledged(1)], 1), 1, "doubled");
        assert_ne!(counted(&[Acknowledged(1), Acknowledged(2)], 1), 0, "lost");
        assert_ne!(counted(&[Acknowledged(1)], 2), 0, "run twice");
        assert_ne!(counted(&[Acknowledged(1), NotExecuted], 2), 0, "run though it was said not to");
        assert_ne!(counted(&[Acknowledged(1), Acknowledged(3)], 3), 0, "a value from nowhere");
    }

    #[test]
    fn each_planted_violation_of_a_list_is_found() {
        assert_ne!(listed(&[&[("a", Acknowledged(1))]], &[]), 0, "lost");
        assert_ne!(listed(&[&[("a", Acknowledged(1))]], &["a", "a"]), 0, "doubled");
        assert_ne!(listed(&[&[("a", NotExecuted)]], &["a"]), 0, "run though it was said not to");
        assert_ne!(listed(&[&[("a", Unknown), ("b", Unknown)]], &["b", "a"]), 0, "out of order");
        assert_ne!(listed(&[&[("a", Acknowledged(1))], &[("b", Acknowledged(2))]], &["b", "a"]), 0, "displaced");
        assert_ne!(listed(&[], &["a"]), 0, "from nowhere");
    }
}
