//! Writes JSON, and refuses what JSON does not have: NaN, infinities, and `Some` of what is `null` itself. serde_json alone would
//! write `null` for them, and the other side would read something else than was sent.

use std::fmt::Display;
use std::io;

use serde::Serialize;
use serde::ser::{self, Serializer};
use serde_json::ser::Formatter;
use serde_json::value::RawValue;

use super::envelope::depth_within;
use crate::error::text::bounded;

/// From here on, in bytes, a text is worth a look whether it can be written in one piece: for a short one, the look and the copy
/// cost what they save.
const LONG_TEXT: usize = 128;

/// What the names of structs and fields begin with under which serde_json passes raw JSON and large numbers to itself.
const TOKEN: &str = "$serde_json::private::";

/// Why a value has no JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EncodeError {
    message: String,
}

/// The value as compact JSON.
///
/// # Errors
/// [`EncodeError`] if it holds NaN or an infinity, a map whose keys are no text, or refuses to be serialized.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(128);
    write_json(&mut out, value)?;
    Ok(out)
}

/// Appends the value as compact JSON; on an error, `out` is as it was.
///
/// # Errors
/// As [`to_json`].
pub fn write_json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), EncodeError> {
    let before = out.len();
    value.serialize(Finite::plain(&mut serde_json::Serializer::new(&mut *out))).map_err(|error| {
        out.truncate(before);
        EncodeError { message: bounded(error.to_string()) }
    })
}

/// Whether [`to_json`] would succeed with a text of at most `bytes` that nests at most `depth` levels, without writing anything.
///
/// # Errors
/// As [`to_json`], and for a text beyond either limit.
pub fn check_json<T: Serialize + ?Sized>(value: &T, depth: usize, bytes: usize) -> Result<(), EncodeError> {
    let (room, levels) = (Room { bytes, left: bytes }, Levels { depth, left: depth });
    value
        .serialize(Finite::plain(&mut serde_json::Serializer::with_formatter(room, levels)))
        .map_err(|error| EncodeError { message: bounded(error.to_string()) })
}

/// Keeps nothing, and takes no more than there is room for.
struct Room {
    bytes: usize,
    left: usize,
}

impl io::Write for Room {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let left = self.left.checked_sub(text.len());
        self.left = left.ok_or_else(|| io::Error::other(format!("its JSON has more than {} bytes", self.bytes)))?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes compact JSON that nests so deep at most.
struct Levels {
    depth: usize,
    left: usize,
}

impl Levels {
    fn too_deep(&self) -> io::Error {
        io::Error::other(format!("its JSON nests deeper than {} levels", self.depth))
    }

    fn enter(&mut self) -> io::Result<()> {
        self.left = self.left.checked_sub(1).ok_or_else(|| self.too_deep())?;
        Ok(())
    }
}

impl Formatter for Levels {
    fn begin_array<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.enter()?;
        out.write_all(b"[")
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.left += 1;
        out.write_all(b"]")
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.enter()?;
        out.write_all(b"{")
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.left += 1;
        out.write_all(b"}")
    }

    fn write_raw_fragment<W: io::Write + ?Sized>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        if !depth_within(text.as_bytes(), self.left) {
            return Err(self.too_deep());
        }
        out.write_all(text.as_bytes())
    }
}

/// A serializer, or an open compound of one, that checks every float on its way to the one inside.
struct Finite<S>(S, Holder);

/// What the value that is written stands in.
#[derive(Clone, Copy, PartialEq)]
enum Holder {
    /// Anything that keeps a `null` apart from nothing.
    Plain,
    /// A `Some`, directly or through newtypes, of which a `null` would make a `None`.
    Some,
    /// The key of a map, or what serde_json passes to itself in a form of its own: texts are handed on as they are.
    Inner,
}

impl<S> Finite<S> {
    fn plain(inner: S) -> Self {
        Self(inner, Holder::Plain)
    }
}

impl<S: Serializer> Finite<S> {
    fn null(self, write: impl FnOnce(S) -> Result<S::Ok, S::Error>) -> Result<S::Ok, S::Error> {
        match self.1 {
            Holder::Plain | Holder::Inner => write(self.0),
            Holder::Some => Err(ser::Error::custom(
                "`Some` of a value that is null itself: JSON has one null, and it would be read as `None`",
            )),
        }
    }
}

/// A value whose parts are checked too.
struct Checked<'a, T: ?Sized>(&'a T, Holder);

impl<'a, T: ?Sized> Checked<'a, T> {
    fn plain(value: &'a T) -> Self {
        Self(value, Holder::Plain)
    }

    fn inner(value: &'a T) -> Self {
        Self(value, Holder::Inner)
    }

    fn field(name: &str, value: &'a T) -> Self {
        if name.starts_with(TOKEN) { Self::inner(value) } else { Self::plain(value) }
    }
}

impl<T: Serialize + ?Sized> Serialize for Checked<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Finite(serializer, self.1))
    }
}

/// The text as JSON, if it is long and nothing in it needs an escape. serde_json looks for escapes byte by byte when it
/// writes, and by words when it reads: to have it read the text first costs a third.
fn long_and_plain(text: &str) -> Option<Box<RawValue>> {
    if text.len() < LONG_TEXT || !is_plain(text) {
        return None;
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    quoted.push_str(text);
    quoted.push('"');
    RawValue::from_string(quoted).ok()
}

/// Whether the text needs no escape. Chunks without a way out inside let the compiler use whole vectors of bytes.
fn is_plain(text: &str) -> bool {
    let escaped = |&byte: &u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    text.as_bytes().chunks(LONG_TEXT).all(|chunk| !chunk.iter().fold(false, |any, byte| any | escaped(byte)))
}

fn not_finite<E: ser::Error>() -> E {
    E::custom("not a finite number: JSON has no NaN and no infinity")
}

macro_rules! forward {
    ($($method:ident($($name:ident: $kind:ty),*);)*) => {$(
        fn $method(self $(, $name: $kind)*) -> Result<S::Ok, S::Error> {
            self.0.$method($($name),*)
        }
    )*};
}

macro_rules! forward_compounds {
    ($($method:ident($($name:ident: $kind:ty),*) -> $compound:ident;)*) => {$(
        fn $method(self $(, $name: $kind)*) -> Result<Self::$compound, S::Error> {
            self.0.$method($($name),*).map(Finite::plain)
        }
    )*};
}

impl<S: Serializer> Serializer for Finite<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Finite<S::SerializeSeq>;
    type SerializeTuple = Finite<S::SerializeTuple>;
    type SerializeTupleStruct = Finite<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Finite<S::SerializeTupleVariant>;
    type SerializeMap = Finite<S::SerializeMap>;
    type SerializeStruct = Finite<S::SerializeStruct>;
    type SerializeStructVariant = Finite<S::SerializeStructVariant>;

    fn serialize_f32(self, value: f32) -> Result<S::Ok, S::Error> {
        if value.is_finite() { self.0.serialize_f32(value) } else { Err(not_finite()) }
    }

    fn serialize_f64(self, value: f64) -> Result<S::Ok, S::Error> {
        if value.is_finite() { self.0.serialize_f64(value) } else { Err(not_finite()) }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        // A null is no key, in a `Some` or not: keys need no other guard.
        let holder = if self.1 == Holder::Inner { Holder::Inner } else { Holder::Some };
        self.0.serialize_some(&Checked(value, holder))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_struct(name, &Checked(value, self.1))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_variant(name, index, variant, &Checked::plain(value))
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.null(S::serialize_none)
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.null(S::serialize_unit)
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<S::Ok, S::Error> {
        self.null(|inner| inner.serialize_unit_struct(name))
    }

    fn serialize_str(self, value: &str) -> Result<S::Ok, S::Error> {
        match self.1 {
            Holder::Inner => self.0.serialize_str(value),
            Holder::Plain | Holder::Some => match long_and_plain(value) {
                Some(json) => json.serialize(self.0),
                None => self.0.serialize_str(value),
            },
        }
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }

    forward! {
        serialize_bool(value: bool);
        serialize_i8(value: i8);
        serialize_i16(value: i16);
        serialize_i32(value: i32);
        serialize_i64(value: i64);
        serialize_i128(value: i128);
        serialize_u8(value: u8);
        serialize_u16(value: u16);
        serialize_u32(value: u32);
        serialize_u64(value: u64);
        serialize_u128(value: u128);
        serialize_char(value: char);
        serialize_bytes(value: &[u8]);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    forward_compounds! {
        serialize_seq(len: Option<usize>) -> SerializeSeq;
        serialize_tuple(len: usize) -> SerializeTuple;
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeTupleVariant;
        serialize_map(len: Option<usize>) -> SerializeMap;
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeStructVariant;
    }
}

macro_rules! sequences {
    ($($trait:ident::$element:ident;)*) => {$(
        impl<C: ser::$trait> ser::$trait for Finite<C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn $element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
                self.0.$element(&Checked::plain(value))
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.0.end()
            }
        }
    )*};
}

sequences! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}

macro_rules! structs {
    ($($trait:ident;)*) => {$(
        impl<C: ser::$trait> ser::$trait for Finite<C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), C::Error> {
                self.0.serialize_field(name, &Checked::field(name, value))
            }

            fn skip_field(&mut self, name: &'static str) -> Result<(), C::Error> {
                self.0.skip_field(name)
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.0.end()
            }
        }
    )*};
}

structs! {
    SerializeStruct;
    SerializeStructVariant;
}

impl<C: ser::SerializeMap> ser::SerializeMap for Finite<C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        self.0.serialize_key(&Checked::inner(key))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        self.0.serialize_value(&Checked::plain(value))
    }

    fn serialize_entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(
        &mut self,
        key: &K,
        value: &V,
    ) -> Result<(), C::Error> {
        self.0.serialize_entry(&Checked::inner(key), &Checked::plain(value))
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.0.end()
    }
}

#[cfg(test)]
mod tests;
