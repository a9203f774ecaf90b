//! Writes JSON, byte for byte as serde_json does, and refuses what JSON does not have: NaN, infinities, and `Some` of what is `null` itself.
//! serde_json alone would write `null` for them, and the other side would read something else than was sent.
//!
//! A serializer of its own, as every call and answer goes through it: guards around serde_json's cost as much as the writing, and it looks for
//! what needs an escape byte by byte.

mod compound;
mod key;
mod out;
pub(super) mod text;

use std::fmt::{self, Display};

use bytes::Bytes;
use serde::Serialize;
use serde::ser::{self, Serializer};

use self::compound::Compound;
use self::out::{Counted, Out};
use self::text::{Escaping, write_text};
use super::envelope::MAX_DEPTH;
use super::pieces;
use crate::error::text::bounded;

/// What the names of structs and fields begin with under which serde_json passes raw JSON and large numbers to itself.
pub(super) const TOKEN: &str = "$serde_json::private::";

/// Room for a number as text, in bytes: that of the longest integer; the longest float has 24.
const NUMBER: usize = 40;

/// Why a value has no JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EncodeError {
    message: String,
    is_too_deep: bool,
}

impl EncodeError {
    /// The value nests deeper than a value may.
    #[cold]
    pub(super) fn too_deep() -> Self {
        Self { message: format!("it nests deeper than {MAX_DEPTH} levels"), is_too_deep: true }
    }

    /// Whether the only thing wrong is how deep the value nests.
    pub(crate) fn is_too_deep(&self) -> bool {
        self.is_too_deep
    }
}

impl ser::Error for EncodeError {
    #[cold]
    fn custom<T: Display>(message: T) -> Self {
        Self { message: bounded(message.to_string()), is_too_deep: false }
    }
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

/// As [`to_json`], in memory that short values share with others: for what is not kept for long.
///
/// # Errors
/// As [`to_json`].
pub fn to_piece<T: Serialize + ?Sized>(value: &T) -> Result<Bytes, EncodeError> {
    let mut out = pieces::buffer();
    write_json(&mut out, value)?;
    Ok(pieces::finished(out))
}

/// Appends the value as compact JSON; on an error, `out` is as it was.
///
/// # Errors
/// As [`to_json`].
pub fn write_json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), EncodeError> {
    let before = out.len();
    value.serialize(Json::plain(&mut *out)).inspect_err(|_| out.truncate(before))
}

/// Whether [`to_json`] would succeed with a text of at most `bytes` that nests at most `depth` levels, without writing anything.
///
/// # Errors
/// As [`to_json`], and for a text beyond either limit.
pub fn check_json<T: Serialize + ?Sized>(value: &T, depth: usize, bytes: usize) -> Result<(), EncodeError> {
    value.serialize(Json::plain(&mut Counted::new(depth, bytes)))
}

/// Writes one value.
struct Json<'a, O> {
    out: &'a mut O,
    /// It is that of a `Some`, directly or through newtypes, of which a `null` would make a `None`.
    in_some: bool,
}

impl<'a, O: Out> Json<'a, O> {
    fn plain(out: &'a mut O) -> Self {
        Self { out, in_some: false }
    }

    fn null(self) -> Result<(), EncodeError> {
        if self.in_some {
            return Err(ser::Error::custom(
                "`Some` of a value that is null itself: JSON has one null, and it would be read as `None`",
            ));
        }
        self.out.put(b"null")
    }

    /// Begins the one member of a variant's object.
    fn variant(self, name: &str) -> Result<&'a mut O, EncodeError> {
        self.out.open(b'{')?;
        write_text(self.out, name)?;
        self.out.put(b":")?;
        Ok(self.out)
    }
}

fn not_finite() -> EncodeError {
    ser::Error::custom("not a finite number: JSON has no NaN and no infinity")
}

/// A finite float, as serde_json writes it.
fn write_float(out: &mut impl Out, value: impl Serialize) -> Result<(), EncodeError> {
    let mut text = [0; NUMBER];
    let mut left = &mut text[..];
    serde_json::to_writer(&mut left, &value).map_err(ser::Error::custom)?;
    let length = NUMBER - left.len();
    out.put(&text[..length])
}

macro_rules! integers {
    ($($method:ident($kind:ty);)*) => {$(
        #[inline]
        fn $method(self, value: $kind) -> Result<(), EncodeError> {
            self.out.put(itoa::Buffer::new().format(value).as_bytes())
        }
    )*};
}

impl<'a, O: Out> Serializer for Json<'a, O> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Compound<'a, O>;
    type SerializeTuple = Compound<'a, O>;
    type SerializeTupleStruct = Compound<'a, O>;
    type SerializeTupleVariant = Compound<'a, O>;
    type SerializeMap = Compound<'a, O>;
    type SerializeStruct = Compound<'a, O>;
    type SerializeStructVariant = Compound<'a, O>;

    integers! {
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
    }

    fn serialize_bool(self, value: bool) -> Result<(), EncodeError> {
        self.out.put(if value { b"true" } else { b"false" })
    }

    fn serialize_f32(self, value: f32) -> Result<(), EncodeError> {
        if value.is_finite() { write_float(self.out, value) } else { Err(not_finite()) }
    }

    fn serialize_f64(self, value: f64) -> Result<(), EncodeError> {
        if value.is_finite() { write_float(self.out, value) } else { Err(not_finite()) }
    }

    fn serialize_char(self, value: char) -> Result<(), EncodeError> {
        write_text(self.out, value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        write_text(self.out, value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), EncodeError> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), EncodeError> {
        self.null()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        value.serialize(Self { in_some: true, ..self })
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        self.null()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), EncodeError> {
        self.null()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), EncodeError> {
        write_text(self.out, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        let out = self.variant(variant)?;
        value.serialize(Json::plain(&mut *out))?;
        out.close(b"}")
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Compound<'a, O>, EncodeError> {
        Compound::begin(self.out, b'[', b"]")
    }

    fn serialize_tuple(self, _length: usize) -> Result<Compound<'a, O>, EncodeError> {
        Compound::begin(self.out, b'[', b"]")
    }

    fn serialize_tuple_struct(self, _name: &'static str, _length: usize) -> Result<Compound<'a, O>, EncodeError> {
        Compound::begin(self.out, b'[', b"]")
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Compound<'a, O>, EncodeError> {
        Compound::begin(self.variant(variant)?, b'[', b"]}")
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Compound<'a, O>, EncodeError> {
        Compound::begin(self.out, b'{', b"}")
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, _length: usize) -> Result<Compound<'a, O>, EncodeError> {
        if name.starts_with(TOKEN) {
            return Ok(Compound::raw(self.out));
        }
        Compound::begin(self.out, b'{', b"}")
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Compound<'a, O>, EncodeError> {
        Compound::begin(self.variant(variant)?, b'{', b"}}")
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        collect_text(self.out, value)
    }
}

/// What `value` displays, as a text.
fn collect_text(out: &mut impl Out, value: &(impl Display + ?Sized)) -> Result<(), EncodeError> {
    use fmt::Write as _;
    out.put(b"\"")?;
    let mut escaping = Escaping::new(&mut *out);
    let written = write!(escaping, "{value}");
    escaping.ended(written)?;
    out.put(b"\"")
}

#[cfg(test)]
mod tests;
