//! JSON text laid out anew without being understood, so that no number loses a digit.
//!
//! The input must be valid JSON; what is written is the same value. Characters that could move a terminal's cursor or turn its
//! text around are written as JSON's own escapes.

use std::io::{self, Write};

use serde::Serialize;

/// A value on one line, with its end.
pub(crate) fn write_line<T: Serialize + ?Sized>(out: &mut dyn Write, value: &T) -> io::Result<()> {
    write_compact(out, &serde_json::to_string(value)?)?;
    out.write_all(b"\n")
}

/// Bytes as JSON can hold them: as text where they are UTF-8, else in hexadecimal.
pub(crate) fn text_or_hex(bytes: &[u8]) -> (Option<&str>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text), None),
        Err(_) => (None, Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())),
    }
}

/// JSON text for people: a member or an element a line.
pub(crate) fn write_pretty(out: &mut dyn Write, text: &str) -> io::Result<()> {
    let mut depth = 0;
    let mut tokens = Tokens(text).peekable();
    while let Some(token) = tokens.next() {
        match token {
            "{" | "[" => {
                out.write_all(token.as_bytes())?;
                if !matches!(tokens.peek(), Some(&("}" | "]"))) {
                    depth += 1;
                    new_line(out, depth)?;
                }
            }
            "," => {
                out.write_all(b",")?;
                new_line(out, depth)?;
            }
            ":" => out.write_all(b": ")?,
            _ => write_harmless(out, token)?,
        }
        // A closing bracket goes on a line of its own, unless it closes nothing.
        if matches!(tokens.peek(), Some(&("}" | "]"))) && !matches!(token, "{" | "[") {
            depth -= 1;
            new_line(out, depth)?;
        }
    }
    Ok(())
}

/// JSON text for scripts: on one line, whatever it came on.
fn write_compact(out: &mut dyn Write, text: &str) -> io::Result<()> {
    Tokens(text).try_for_each(|token| write_harmless(out, token))
}

fn new_line(out: &mut dyn Write, depth: usize) -> io::Result<()> {
    write!(out, "\n{:width$}", "", width = 2 * depth)
}

fn write_harmless(out: &mut dyn Write, token: &str) -> io::Result<()> {
    let mut rest = token;
    while let Some((at, c)) = rest.char_indices().find(|&(_, c)| moves_a_terminal(c)) {
        out.write_all(&rest.as_bytes()[..at])?;
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(out, "\\u{unit:04x}")?;
        }
        rest = &rest[at + c.len_utf8()..];
    }
    out.write_all(rest.as_bytes())
}

/// Control characters that JSON allows in a string, line separators and direction marks.
fn moves_a_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The tokens of valid JSON text, without the space between them.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start_matches([' ', '\t', '\n', '\r']);
        let bytes = text.as_bytes();
        let end = match bytes.first()? {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => string_end(bytes),
            _ => bytes.iter().position(|b| b"{}[],: \t\n\r\"".contains(b)).unwrap_or(bytes.len()),
        };
        let (token, rest) = text.split_at(end);
        self.0 = rest;
        Some(token)
    }
}

fn string_end(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::value::RawValue;

    use super::*;

    fn pretty(text: &str) -> String {
        let mut out = Vec::new();
        write_pretty(&mut out, text).expect("writes to memory");
        String::from_utf8(out).expect("text")
    }

    fn line(text: &str) -> String {
        let raw: &RawValue = serde_json::from_str(text).expect("valid");
        let mut out = Vec::new();
        write_line(&mut out, raw).expect("writes to memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn pretty_text_equals_that_of_serde_json() {
        for text in [
            r#"{"a":[1,2,{"b":[]}],"c":{},"d":"x, {y}: [z] \" \\","e":null}"#,
            "[[[]],[1],[{}]]",
            "7",
            "\"\"",
            "[]",
            r#" [ true , false ] "#,
        ] {
            let value: Value = serde_json::from_str(text).expect("valid");
            assert_eq!(pretty(text), serde_json::to_string_pretty(&value).expect("encodes"), "{text}");
        }
    }

    #[test]
    fn numbers_keep_every_digit() {
        let text = "[123456789012345678901234567890,0.10000000000000000000000001,-0.0,1e400]";
        assert_eq!(line(text), format!("{text}\n"));
        assert_eq!(pretty(text), text.replace(',', ",\n  ").replace('[', "[\n  ").replace(']', "\n]"));
    }

    #[test]
    fn one_value_is_one_line() {
        assert_eq!(line("{\n  \"a b\" : [ 1,\r\n 2 ]\n}"), "{\"a b\":[1,2]}\n");
    }

    #[test]
    fn strings_cannot_move_the_cursor() {
        let text = "\"\u{9b}2J \u{7f} \u{202e}txt\"";
        let harmless = "\"\\u009b2J \\u007f \\u202etxt\"";
        assert_eq!(pretty(text), harmless);
        assert_eq!(serde_json::from_str::<String>(harmless).ok(), serde_json::from_str(text).ok());
    }
}
