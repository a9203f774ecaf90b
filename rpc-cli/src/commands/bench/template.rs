//! Arguments that differ from call to call.

use serde_json::value::RawValue;

/// Arguments with places for numbers: `{i}` is the call's own, from 0; `{i%N}` counts again from 0 after N calls; `{random%N}` is below N.
#[derive(Debug)]
pub(super) struct Template {
    pieces: Vec<Piece>,
    /// Of the random numbers, so that a run can be repeated.
    state: u64,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Number { within: Option<u64> },
    Random { within: u64 },
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it: a count of zero, or a text that is no JSON object or array.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        let mut plain = String::new();
        while let Some(start) = rest.find('{') {
            let (before, place) = rest.split_at(start);
            plain.push_str(before);
            match place_at_start(place)? {
                Some((piece, length)) => {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    pieces.push(piece);
                    rest = &place[length..];
                }
                None => {
                    plain.push('{');
                    rest = &place[1..];
                }
            }
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        let mut template = Self { pieces, state: 0x9e37_79b9_7f4a_7c15 };
        let first = template.arguments(0);
        template.state = 0x9e37_79b9_7f4a_7c15;
        let json: Result<&RawValue, _> = serde_json::from_str(&first);
        match json {
            _ if text.is_empty() => Ok(template),
            Ok(raw) if raw.get().starts_with(['{', '[']) => Ok(template),
            Ok(_) => Err("the arguments must be a JSON object or array".to_owned()),
            Err(error) => Err(format!("the arguments of the first call would be {first:?}, which is no JSON: {error}")),
        }
    }

    /// The arguments of the call of this number.
    pub(super) fn arguments(&mut self, number: u64) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Number { within } => text.push_str(&within.map_or(number, |within| number % within).to_string()),
                Piece::Random { within } => {
                    self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                    text.push_str(&(mixed(self.state) % within).to_string());
                }
            }
        }
        text
    }
}

/// The place that `text` begins with, if it is one, and its length.
fn place_at_start(text: &str) -> Result<Option<(Piece, usize)>, String> {
    let Some(end) = text.find('}') else { return Ok(None) };
    let (name, within) = match text[1..end].split_once('%') {
        Some((name, within)) => (name, Some(within)),
        None => (&text[1..end], None),
    };
    if !matches!(name, "i" | "random") {
        return Ok(None);
    }
    let within = match within.map(str::parse::<u64>) {
        None => None,
        Some(Ok(within)) if within > 0 => Some(within),
        Some(_) => return Err(format!("{} needs a number above 0 behind its %", &text[..=end])),
    };
    let piece = match (name, within) {
        ("i", within) => Piece::Number { within },
        (_, Some(within)) => Piece::Random { within },
        (_, None) => return Err("write {random%N}: a number below N".to_owned()),
    };
    Ok(Some((piece, end + 1)))
}

/// Every bit of the result hangs on every bit of `state` (splitmix64).
fn mixed(state: u64) -> u64 {
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_and_other_braces_stay() {
        let mut template = Template::parse(r#"{"key":"user-{i}","n":{i%3},"o":{"i":{random%10}}}"#).expect("good");
        assert!(template.arguments(7).starts_with(r#"{"key":"user-7","n":1,"o":{"i":"#));
        let same = |mut template: Template| (0..20).map(|n| template.arguments(n)).collect::<Vec<_>>();
        let text = r#"[{random%1000000}]"#;
        let (one, other) = (Template::parse(text).expect("good"), Template::parse(text).expect("good"));
        let all = same(one);
        assert_eq!(all, same(other), "a run can be repeated");
        assert_ne!(all[0], all[1]);
        assert_eq!(Template::parse("").expect("none").arguments(3), "");
    }

    #[test]
    fn what_cannot_be_sent_is_refused_before_anything_is() {
        for bad in ["7", "{", "{i}", r#"{"a":{i%0}}"#, r#"{"a":{random}}"#, r#"{"a":{i%x}}"#, "\"{i}\""] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }
}
