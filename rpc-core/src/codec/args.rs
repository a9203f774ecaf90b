//! The arguments of one call: read one by one from raw JSON, by name or by position; written by name. In the compact codec they stand one behind the
//! other, in the order of the method's.

use std::any::type_name;
use std::borrow::Cow;
use std::cell::RefCell;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, forward_to_deserialize_any};
use serde_json::value::RawValue;

use super::compact::{Reader, write_compact};
use super::finite::{EncodeError, write_json};
use super::payload::{Codec, Payload};
use super::pieces;
use super::raw::{ObjectFault, Unknown, read_elements, read_members, read_text};
use crate::error::text::{bounded, shown};
use crate::error::{Kind, RpcError};

mod usual;

/// So many arguments have their places in [`Args`] itself; methods seldom have more.
const FEW: usize = 6;

/// Why a call's arguments were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ArgsError {
    /// The position of the argument at fault, if it is one of the method's.
    pub argument: Option<usize>,
    message: String,
}

impl ArgsError {
    fn of_call(message: String) -> Self {
        Self { argument: None, message: bounded(message) }
    }
}

impl From<ArgsError> for RpcError {
    fn from(error: ArgsError) -> Self {
        Self::new(Kind::BadArguments, error.message)
    }
}

/// The raw arguments of one call, each decoded only when asked for.
#[derive(Clone, Debug)]
pub struct Args<'a> {
    names: &'static [&'static str],
    few: [Option<Raw<'a>>; FEW],
    /// Those of a method with more than [`FEW`]; else empty.
    many: Vec<Option<Raw<'a>>>,
    /// Of a call in the compact codec, whose arguments have no places.
    compact: Option<RefCell<InOrder<'a>>>,
}

/// Arguments in the compact codec, of which only the next one can be read.
#[derive(Clone, Debug)]
struct InOrder<'a> {
    reader: Reader<'a>,
    next: usize,
}

/// One argument as it came.
#[derive(Clone, Copy, Debug)]
struct Raw<'a> {
    /// Its JSON.
    text: &'a str,
    /// It is a string without escapes: what it says stands between its quotes.
    is_plain: bool,
}

impl<'a> From<&'a RawValue> for Raw<'a> {
    fn from(raw: &'a RawValue) -> Self {
        Self { text: raw.get(), is_plain: false }
    }
}

impl<'a> Args<'a> {
    /// Reads `params`, the JSON text of an object (arguments by name) or an array (by position, in the order of `names`);
    /// no bytes at all are no arguments. Arguments may be absent here: [`Args::get`] refuses those that must not be.
    ///
    /// # Errors
    /// [`ArgsError`] for anything else: other JSON, bad JSON or UTF-8, trailing bytes, unknown, doubled or too many
    /// arguments.
    pub fn parse(names: &'static [&'static str], params: &'a [u8]) -> Result<Self, ArgsError> {
        let many = if names.len() > FEW { vec![None; names.len()] } else { Vec::new() };
        let mut args = Self { names, few: [None; FEW], many, compact: None };
        let text = std::str::from_utf8(params)
            .map_err(|error| ArgsError::of_call(format!("params are not valid UTF-8: {error}")))?;
        if usual::read(names, text, args.places()) {
            return Ok(args);
        }
        args.places().fill(None);
        match text.trim_ascii_start().as_bytes().first() {
            None if text.is_empty() => {}
            Some(b'{') => args.read_by_name(text)?,
            Some(b'[') => args.read_by_position(text)?,
            _ => {
                return Err(ArgsError::of_call(
                    "params must be an object (arguments by name) or an array (by position)".to_owned(),
                ));
            }
        }
        Ok(args)
    }

    /// The arguments in `params`, which are in the compact codec. Each must be asked for, in the order of `names`; the last one ends the message.
    ///
    /// # Errors
    /// [`ArgsError`] for bytes where the method has no arguments.
    pub fn compact(names: &'static [&'static str], params: &'a [u8]) -> Result<Self, ArgsError> {
        let reader = Reader::new(params);
        if names.is_empty() {
            reader.end().map_err(|error| ArgsError::of_call(error.to_string()))?;
        }
        let compact = Some(RefCell::new(InOrder { reader, next: 0 }));
        Ok(Self { names, few: [None; FEW], many: Vec::new(), compact })
    }

    /// As [`parse`](Self::parse) or [`compact`](Self::compact), whichever `params` are.
    ///
    /// # Errors
    /// As they.
    pub fn read(names: &'static [&'static str], params: &'a Payload) -> Result<Self, ArgsError> {
        if params.is_compact() { Self::compact(names, params.bytes()) } else { Self::parse(names, params.bytes()) }
    }

    /// Decodes an argument that has no place of its own.
    fn get_unplaced<T: Deserialize<'a>>(&self, index: usize) -> Result<T, ArgsError> {
        let Some(compact) = &self.compact else {
            return T::deserialize(Absent).map_err(|_| self.fault(index, "is missing"));
        };
        let InOrder { reader, next } = &mut *compact.borrow_mut();
        if index != *next {
            return Err(self.fault(index, "is asked for out of its turn"));
        }
        *next += 1;
        let read = reader.read();
        let read = if *next == self.names.len() { read.and_then(|value| reader.end().map(|()| value)) } else { read };
        read.map_err(|error| self.fault(index, &format!("cannot be decoded as a `{}`: {error}", type_name::<T>())))
    }

    /// One for each of the method's arguments.
    fn places(&mut self) -> &mut [Option<Raw<'a>>] {
        if self.many.is_empty() { &mut self.few[..self.names.len()] } else { &mut self.many }
    }

    fn read_by_name(&mut self, text: &'a str) -> Result<(), ArgsError> {
        let mut raw = vec![None; self.names.len()];
        read_members(text, self.names, Unknown::Refuse, &mut raw).map_err(|fault| match fault {
            ObjectFault::Syntax(error) => not_json(&error),
            ObjectFault::DuplicateKnown(index) => self.fault(index, "is given twice"),
            ObjectFault::Unknown(name) | ObjectFault::DuplicateUnknown(name) => {
                ArgsError::of_call(format!("unknown argument `{}`; {}", shown(&name), self.signature()))
            }
            ObjectFault::TooManyUnknown => ArgsError::of_call(format!("unknown arguments; {}", self.signature())),
        })?;
        for (place, raw) in self.places().iter_mut().zip(raw) {
            *place = raw.map(Raw::from);
        }
        Ok(())
    }

    fn read_by_position(&mut self, text: &'a str) -> Result<(), ArgsError> {
        let elements = read_elements(text, self.names.len()).map_err(|error| not_json(&error))?;
        if elements.count > self.names.len() {
            return Err(ArgsError::of_call(format!(
                "too many arguments: {} were given; {}",
                elements.count,
                self.signature()
            )));
        }
        for (place, raw) in self.places().iter_mut().zip(elements.kept) {
            *place = Some(raw.into());
        }
        Ok(())
    }

    /// Decodes the argument at this position. An absent one is `None` for an `Option`, as serde has it for a field.
    ///
    /// # Errors
    /// [`ArgsError`] if it is absent and must not be, or is not a `T`.
    pub fn get<T: Deserialize<'a>>(&self, index: usize) -> Result<T, ArgsError> {
        match self.raw(index) {
            Some(raw) => serde_json::from_str(raw.text).map_err(|error| self.undecodable(index, &error)),
            None => self.get_unplaced(index),
        }
    }

    /// Decodes a text argument, borrowed from the message unless an escape stands in it.
    ///
    /// # Errors
    /// [`ArgsError`] if it is absent or not a string.
    pub fn text(&self, index: usize) -> Result<Cow<'a, str>, ArgsError> {
        match self.raw(index) {
            Some(Raw { text, is_plain: true }) => Ok(Cow::Borrowed(&text[1..text.len() - 1])),
            Some(Raw { text, .. }) => read_text(text).map_err(|error| self.undecodable(index, &error)),
            None => self.get_unplaced(index).map(Cow::Borrowed),
        }
    }

    /// As [`Args::text`], but `None` if the argument is absent or `null`.
    ///
    /// # Errors
    /// [`ArgsError`] if it is there and neither `null` nor a string.
    pub fn optional_text(&self, index: usize) -> Result<Option<Cow<'a, str>>, ArgsError> {
        match self.raw(index) {
            None => Ok(self.get_unplaced::<Option<&str>>(index)?.map(Cow::Borrowed)),
            Some(raw) if raw.text == "null" => Ok(None),
            Some(_) => self.text(index).map(Some),
        }
    }

    fn raw(&self, index: usize) -> Option<Raw<'a>> {
        let places = if self.many.is_empty() { &self.few[..] } else { &self.many };
        places.get(index).copied().flatten()
    }

    fn undecodable(&self, index: usize, error: &serde_json::Error) -> ArgsError {
        self.fault(index, &format!("cannot be decoded: {error}"))
    }

    fn fault(&self, index: usize, what: &str) -> ArgsError {
        let name = self.names.get(index).copied().unwrap_or("?");
        ArgsError { argument: Some(index), message: bounded(format!("argument `{name}` (position {index}) {what}")) }
    }

    fn signature(&self) -> String {
        match self.names {
            [] => "the method takes none".to_owned(),
            names => format!("the method takes {}: `{}`", names.len(), names.join("`, `")),
        }
    }
}

fn not_json(error: &serde_json::Error) -> ArgsError {
    ArgsError::of_call(format!("params are not valid JSON: {error}"))
}

/// Stands in for an argument that was not given: `None` to an `Option`, an error to everything else.
struct Absent;

impl<'de> Deserializer<'de> for Absent {
    type Error = de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("missing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_none()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Writes the arguments of a call: as one JSON object, by name, or in the compact codec, in the order of the method's.
#[derive(Clone, Debug)]
pub struct ArgsWriter {
    out: Vec<u8>,
    codec: Codec,
}

impl ArgsWriter {
    /// No arguments yet.
    #[must_use]
    pub fn new() -> Self {
        let mut out = pieces::buffer();
        out.push(b'{');
        Self { out, codec: Codec::Json }
    }

    /// No arguments yet, in this codec.
    #[must_use]
    pub fn of(codec: Codec) -> Self {
        match codec {
            Codec::Json => Self::new(),
            Codec::Compact => Self { out: pieces::buffer(), codec },
        }
    }

    /// Adds an argument; the caller gives each name once, in the order of the method's.
    ///
    /// # Errors
    /// [`EncodeError`] if the value has no JSON, or cannot be in the compact codec; the arguments are then as they were.
    pub fn arg<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), EncodeError> {
        let before = self.out.len();
        if self.codec == Codec::Compact {
            return write_compact(&mut self.out, value).inspect_err(|_| self.out.truncate(before));
        }
        if before > 1 {
            self.out.push(b',');
        }
        self.write(name, value).inspect_err(|_| self.out.truncate(before))
    }

    fn write<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), EncodeError> {
        write_json(&mut self.out, name)?;
        self.out.push(b':');
        write_json(&mut self.out, value)
    }

    /// All of them.
    #[must_use]
    pub fn finish(mut self) -> Payload {
        if self.codec == Codec::Json {
            self.out.push(b'}');
        }
        Payload::of(self.codec, pieces::finished(self.out))
    }
}

impl Default for ArgsWriter {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
