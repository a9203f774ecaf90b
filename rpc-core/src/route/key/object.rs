//! A JSON object whose members come in any order and leave sorted by name.

use std::mem;
use std::ops::Range;

use serde::Serialize;
use serde::ser;

use super::KeyError;
use super::canonical::{Canonical, write_text};
use super::member::MemberName;

/// An open object: members are written as they come, and put in order at the end if they were not.
pub(super) struct Object {
    json: Canonical,
    members: Vec<Member>,
    close: &'static [u8],
    number: bool,
}

struct Member {
    /// As it was before escaping: escapes would change the order.
    name: String,
    /// Where `"name":value` lies in the buffer.
    text: Range<usize>,
}

impl Object {
    /// An object whose opening brace is written; `close` ends it, and the variant around it if there is one.
    pub(super) fn new(json: Canonical, close: &'static [u8]) -> Self {
        Self { json, members: Vec::new(), close, number: false }
    }

    /// serde_json's arbitrary-precision number, a struct with one text field in serde's eyes: written as that text.
    pub(super) fn number(json: Canonical) -> Self {
        Self { json, members: Vec::new(), close: b"", number: true }
    }

    pub(super) fn is_number(&self) -> bool {
        self.number
    }

    pub(super) fn end(mut self) -> Result<Vec<u8>, KeyError> {
        if !self.members.is_sorted_by(|a, b| a.name < b.name) {
            self.sort_members()?;
        }
        self.json.out.extend_from_slice(self.close);
        Ok(self.json.out)
    }

    fn open_member(&mut self, name: String) -> Result<(), KeyError> {
        if !self.members.is_empty() {
            self.json.out.push(b',');
        }
        let start = self.json.out.len();
        write_text(&mut self.json.out, &name)?;
        self.json.out.push(b':');
        self.members.push(Member { name, text: start..start });
        Ok(())
    }

    fn write_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), KeyError> {
        let out = mem::take(&mut self.json.out);
        self.json.out = value.serialize(Canonical { out, depth: self.json.depth })?;
        if let Some(member) = self.members.last_mut() {
            member.text.end = self.json.out.len();
        }
        Ok(())
    }

    fn write_number<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), KeyError> {
        let quoted = value.serialize(Canonical::default())?;
        let text = quoted.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
        let text = text.unwrap_or(&quoted);
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        // `-0` is a float to serde_json without arbitrary precision, so it is one here too.
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) || text == b"-0" {
            return Err(KeyError::Float);
        }
        self.json.out.extend_from_slice(text);
        Ok(())
    }

    fn sort_members(&mut self) -> Result<(), KeyError> {
        self.members.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(at) = self.members.windows(2).position(|pair| pair[0].name == pair[1].name) {
            return Err(KeyError::duplicate(mem::take(&mut self.members[at].name)));
        }
        let first = self.members.iter().map(|member| member.text.start).min().unwrap_or_default();
        let unsorted = self.json.out.split_off(first);
        for (index, member) in self.members.iter().enumerate() {
            if index > 0 {
                self.json.out.push(b',');
            }
            let text = member.text.start - first..member.text.end - first;
            self.json.out.extend_from_slice(&unsorted[text]);
        }
        Ok(())
    }
}

impl ser::SerializeMap for Object {
    type Ok = Vec<u8>;
    type Error = KeyError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), KeyError> {
        let name = key.serialize(MemberName)?;
        self.open_member(name)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), KeyError> {
        self.write_value(value)
    }

    fn end(self) -> Result<Vec<u8>, KeyError> {
        self.end()
    }
}

macro_rules! structs {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Object {
            type Ok = Vec<u8>;
            type Error = KeyError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), KeyError> {
                if self.number {
                    return self.write_number(value);
                }
                self.open_member(name.to_owned())?;
                self.write_value(value)
            }

            fn end(self) -> Result<Vec<u8>, KeyError> {
                self.end()
            }
        }
    )*};
}

structs!(SerializeStruct, SerializeStructVariant);
