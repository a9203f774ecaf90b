//! Bounds the text of errors, so that a hostile input is named but never echoed whole.

/// Longest text of an error made from outside input, in bytes: room for any honest message, too little to make a reply
/// or a log line a burden.
pub const MAX_ERROR_TEXT: usize = 1024;

const CUT: &str = "…";

/// `text` with control characters escaped, and cut to [`MAX_ERROR_TEXT`] at a character's boundary: a name from outside can
/// neither flood nor forge a log line.
#[must_use]
pub fn bounded(text: String) -> String {
    if text.len() <= MAX_ERROR_TEXT && !text.chars().any(forges_lines) {
        return text;
    }
    let mut out = String::with_capacity(MAX_ERROR_TEXT);
    for c in text.chars() {
        let before = out.len();
        if forges_lines(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        if out.len() > MAX_ERROR_TEXT - CUT.len() {
            out.truncate(before);
            out.push_str(CUT);
            break;
        }
    }
    out
}

/// Control characters, and Unicode's line separators and direction marks.
fn forges_lines(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Longest name from outside that an error shows, in characters, so that the rest of its text survives the cut.
const MAX_SHOWN_NAME: usize = 64;

/// A name from outside as an error may show it: its beginning, with control characters escaped.
pub(crate) fn shown(name: &str) -> String {
    clipped(name, MAX_SHOWN_NAME)
}

/// The first `most` characters of a text from outside, with control characters escaped.
pub(crate) fn clipped(text: &str, most: usize) -> String {
    let mut clipped: String = text.chars().take(most).flat_map(char::escape_debug).collect();
    if text.chars().nth(most).is_some() {
        clipped.push_str(CUT);
    }
    clipped
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
        assert_eq!(bounded("é".repeat(500)), "é".repeat(500));
        for filler in ["a", "é", "€", "🦀"] {
            let cut = bounded(filler.repeat(2000));
            assert!(cut.len() <= MAX_ERROR_TEXT && cut.len() > MAX_ERROR_TEXT - 8, "{}", cut.len());
            assert!(cut.ends_with(CUT) && cut.starts_with(filler));
        }
    }
}
