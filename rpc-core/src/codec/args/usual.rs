//! Arguments as our own clients write them, read without looking for names: all of them by name, in order, and nothing between.
//!
//! Whatever differs in as little as a space is left to the general reader, which accepts more and has the words for what is wrong.

use serde_json::value::RawValue;

use super::Raw;
use crate::codec::finite::text::plain_run;

/// Reads the arguments `names` into `places`; false if the text has another form, with anything in `places`.
pub(super) fn read<'a>(names: &[&str], text: &'a str, places: &mut [Option<Raw<'a>>]) -> bool {
    let mut rest = text;
    for (number, (name, place)) in names.iter().zip(places).enumerate() {
        let before = if number == 0 { '{' } else { ',' };
        let Some(quoted) = rest.strip_prefix(before) else { return false };
        let Some(length) = plain_text(quoted) else { return false };
        let (written, behind) = quoted.split_at(length);
        let (Some(value), true) = (behind.strip_prefix(':'), written.get(1..length - 1) == Some(*name)) else {
            return false;
        };
        let Some(raw) = value_at_start(value) else { return false };
        rest = &value[raw.text.len()..];
        *place = Some(raw);
    }
    rest == "}"
}

fn value_at_start(text: &str) -> Option<Raw<'_>> {
    if let Some(length) = plain_text(text) {
        return Some(Raw { text: &text[..length], is_plain: true });
    }
    let length = match text.as_bytes().first()? {
        b'0'..=b'9' | b'-' => integer(text).or_else(|| any(text))?,
        _ => any(text)?,
    };
    Some(Raw { text: &text[..length], is_plain: false })
}

/// The length of the string at the beginning, quotes included, if no escape stands in it.
fn plain_text(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('"')?.as_bytes();
    let length = plain_run(inside);
    (inside.get(length) == Some(&b'"')).then_some(length + 2)
}

/// The length of an integer at the beginning; nothing for a number of any other form.
fn integer(text: &str) -> Option<usize> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let count = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let is_one = count == 1 || (count > 1 && digits[0] != b'0');
    let is_integer = is_one && matches!(digits.get(count), Some(b',' | b'}'));
    is_integer.then_some(text.len() - digits.len() + count)
}

/// The length of any other value at the beginning.
fn any(text: &str) -> Option<usize> {
    // White space before it is no usual form: its length would count.
    if text.starts_with([' ', '\n', '\t', '\r']) {
        return None;
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    values.next()?.ok().map(|raw| raw.get().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_usual_form_is_taken() {
        let takes = |text: &str| read(&["a", "b"], text, &mut [None, None]);
        for usual in
            [r#"{"a":"x","b":1}"#, r#"{"a":"","b":"é"}"#, r#"{"a":-0,"b":[1, {"}":"]"}]}"#, r#"{"a":1.5e3,"b":"\n"}"#]
        {
            assert!(takes(usual), "{usual}");
            assert!(serde_json::from_str::<serde_json::Value>(usual).is_ok(), "{usual}");
        }
        for other in [
            r#"{"a":"x"}"#,
            r#"{"b":1,"a":"x"}"#,
            r#"{"a":"x","b":1,"c":2}"#,
            r#"{"a":"x", "b":1}"#,
            r#"{"a": "x","b":1}"#,
            r#"{"a":"x","b":1} "#,
            r#"{"a":"x","b":01}"#,
            r#"{"a":"x","b":-}"#,
            r#"{"a":"x","b":1"#,
            r#"{"a":"x","b":}"#,
            r#"{"a":"x","b":"y}"#,
            r#"{"\u0061":"x","b":1}"#,
            "{\"a\":\"\u{1}\",\"b\":1}",
            r#"{"a":"x","b":tru}"#,
            "{",
            "",
        ] {
            assert!(!takes(other), "{other}");
        }
        assert!(
            !read(&["a\"b"], r#"{"a"b":1}"#, &mut [None]),
            "no name that needs an escape is taken for one that does not"
        );
        assert!(!read(&[], "{}", &mut []), "left to the general reader");
    }
}
