//! Reads JSON one level deep and leaves every value as the text it came in.
//!
//! serde_json skips over a raw value with a loop, not by recursion, so hostile nesting costs neither stack nor more than
//! linear time.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Members beyond the known ones that one object may have: more than any extension needs, and few enough that looking
/// for doubled ones stays cheap.
pub(super) const MAX_UNKNOWN_MEMBERS: usize = 32;

/// What to do with members that have none of the known names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    Refuse,
    Ignore,
}

/// Why an object was not read.
pub(super) enum ObjectFault {
    Syntax(serde_json::Error),
    DuplicateKnown(usize),
    DuplicateUnknown(String),
    Unknown(String),
    TooManyUnknown,
}

/// Reads an object into `values`, one for each of `names`.
pub(super) fn read_members<'a>(
    text: &'a str,
    names: &[&str],
    unknown: Unknown,
    values: &mut [Option<&'a RawValue>],
) -> Result<(), ObjectFault> {
    let mut fault = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let members = Members { names, unknown, values, fault: &mut fault };
    json.deserialize_map(members).and_then(|()| json.end()).map_err(|error| fault.unwrap_or(ObjectFault::Syntax(error)))
}

/// The elements of an array.
pub(super) struct Elements<'a> {
    /// The first ones, up to the limit.
    pub(super) kept: Vec<&'a RawValue>,
    /// How many there are.
    pub(super) count: usize,
}

/// Reads an array, keeps at most `limit` elements, and counts all of them.
pub(super) fn read_elements(text: &str, limit: usize) -> serde_json::Result<Elements<'_>> {
    let mut json = serde_json::Deserializer::from_str(text);
    let elements = json.deserialize_seq(ElementsVisitor { limit })?;
    json.end()?;
    Ok(elements)
}

/// Reads a string, borrowed unless an escape stands in it.
pub(super) fn read_text(raw: &str) -> serde_json::Result<Cow<'_, str>> {
    let quoted = raw.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    match quoted {
        Some(text) if !text.as_bytes().contains(&b'\\') => Ok(Cow::Borrowed(text)),
        _ => serde_json::from_str(raw).map(Cow::Owned),
    }
}

struct Members<'s, 'a> {
    names: &'s [&'s str],
    unknown: Unknown,
    values: &'s mut [Option<&'a RawValue>],
    /// The fault in our own terms; what goes through serde's error would only be a text.
    fault: &'s mut Option<ObjectFault>,
}

impl Members<'_, '_> {
    fn refuse<E: serde::de::Error>(&mut self, fault: ObjectFault) -> E {
        *self.fault = Some(fault);
        E::custom("refused")
    }
}

impl<'a> Visitor<'a> for Members<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut others: Vec<String> = Vec::new();
        while let Some(name) = map.next_key_seed(NameSeed(self.names))? {
            match name {
                Name::Known(index) if self.values[index].is_some() => {
                    return Err(self.refuse(ObjectFault::DuplicateKnown(index)));
                }
                Name::Known(index) => self.values[index] = Some(map.next_value()?),
                Name::Other(name) if self.unknown == Unknown::Refuse => {
                    return Err(self.refuse(ObjectFault::Unknown(name)));
                }
                Name::Other(name) if others.contains(&name) => {
                    return Err(self.refuse(ObjectFault::DuplicateUnknown(name)));
                }
                Name::Other(_) if others.len() == MAX_UNKNOWN_MEMBERS => {
                    return Err(self.refuse(ObjectFault::TooManyUnknown));
                }
                Name::Other(name) => {
                    map.next_value::<IgnoredAny>()?;
                    others.push(name);
                }
            }
        }
        Ok(())
    }
}

/// A member's name: one of the known, by its index, without a copy; or another.
enum Name {
    Known(usize),
    Other(String),
}

struct NameSeed<'s>(&'s [&'s str]);

impl<'a> DeserializeSeed<'a> for NameSeed<'_> {
    type Value = Name;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, text: &str) -> Result<Name, E> {
        let known = self.0.iter().position(|&name| name == text);
        Ok(known.map_or_else(|| Name::Other(text.to_owned()), Name::Known))
    }
}

struct ElementsVisitor {
    limit: usize,
}

impl<'a> Visitor<'a> for ElementsVisitor {
    type Value = Elements<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Elements<'a>, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < self.limit
            && let Some(value) = seq.next_element()?
        {
            kept.push(value);
        }
        let mut count = kept.len();
        if count == self.limit {
            while seq.next_element::<IgnoredAny>()?.is_some() {
                count += 1;
            }
        }
        Ok(Elements { kept, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deeper by far than a stack of this size could recurse.
    #[test]
    fn a_million_brackets_are_skipped_without_a_stack() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        let work = move || {
            let mut values = [None; 1];
            let object = format!(r#"{{"unknown":{deep},"known":{deep}}}"#);
            assert!(read_members(&object, &["known"], Unknown::Ignore, &mut values).is_ok());
            assert_eq!(values[0].map(|raw| raw.get().len()), Some(2_000_000));
            assert_eq!(read_elements(&format!("[{deep},{deep}]"), 1).map(|found| found.count).ok(), Some(2));
            assert!(read_elements(&"[".repeat(1_000_000), 1).is_err());
        };
        std::thread::Builder::new().stack_size(128 << 10).spawn(work).unwrap().join().unwrap();
    }

    #[test]
    fn strings_are_borrowed_unless_escaped() {
        let text = read_text;
        assert!(matches!(text("\"a é\""), Ok(Cow::Borrowed("a é"))));
        assert!(matches!(text(r#""a\n\ud83e\udd80""#), Ok(Cow::Owned(owned)) if owned == "a\n🦀"));
        assert!(text(r#""\ud83e""#).is_err());
        assert!(text("7").is_err());
    }
}
