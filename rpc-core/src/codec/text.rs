//! Bounds the text of errors, so that a hostile input is named but never echoed whole.

/// Longest text of an error made from outside input, in bytes: room for any honest message, too little to make a reply
/// or a log line a burden.
pub const MAX_ERROR_TEXT: usize = 1024;

const CUT: &str = "…";

/// The text itself, or its beginning and an ellipsis if it is longer than [`MAX_ERROR_TEXT`]; always whole characters.
#[must_use]
pub fn bounded(mut text: String) -> String {
    if text.len() > MAX_ERROR_TEXT {
        let mut end = MAX_ERROR_TEXT - CUT.len();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(CUT);
        // A message may have been formatted from megabytes; an error must not keep them alive.
        text.shrink_to_fit();
    }
    text
}

/// Longest name from outside that an error shows, in characters, so that the rest of its text survives the cut.
const MAX_SHOWN_NAME: usize = 64;

/// A name from outside as an error may show it: its beginning, with control characters escaped.
pub(super) fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(MAX_SHOWN_NAME).flat_map(char::escape_debug).collect();
    if name.chars().nth(MAX_SHOWN_NAME).is_some() {
        shown.push_str(CUT);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_short_and_without_control_characters() {
        assert_eq!(shown("a\n\u{1b}é"), "a\\n\\u{1b}é");
        assert_eq!(shown(&"é".repeat(65)), format!("{}…", "é".repeat(64)));
    }

    #[test]
    fn short_texts_stay_and_long_ones_are_cut_between_characters() {
        assert_eq!(bounded("é".repeat(512)), "é".repeat(512));
        for filler in ["a", "é", "€", "🦀"] {
            let cut = bounded(filler.repeat(2000));
            assert!(cut.len() <= MAX_ERROR_TEXT && cut.len() > MAX_ERROR_TEXT - 8, "{}", cut.len());
            assert!(cut.ends_with(CUT) && cut.starts_with(filler));
        }
    }
}
