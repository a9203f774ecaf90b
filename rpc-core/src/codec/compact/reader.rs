//! Reads values, of which nothing is believed.

use std::fmt::Display;

use serde::de::value::U32Deserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

use super::{MOST_EMPTY, MOST_LEVELS, MOST_STEPS, number};
use crate::error::text::bounded;

/// Why bytes are no value of a type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    message: String,
}

impl de::Error for DecodeError {
    #[cold]
    fn custom<T: Display>(message: T) -> Self {
        Self { message: bounded(message.to_string()) }
    }
}

/// Reads values one behind the other.
#[derive(Clone, Debug)]
pub struct Reader<'de> {
    rest: &'de [u8],
    empty_left: usize,
}

impl<'de> Reader<'de> {
    /// A reader from the beginning of `bytes`.
    pub fn new(bytes: &'de [u8]) -> Self {
        Self { rest: bytes, empty_left: MOST_EMPTY }
    }

    /// Reads a value, which may borrow from the bytes.
    ///
    /// # Errors
    /// [`DecodeError`].
    #[inline]
    pub fn read<T: Deserialize<'de>>(&mut self) -> Result<T, DecodeError> {
        T::deserialize(One { reader: self, levels: MOST_LEVELS, steps: MOST_STEPS })
    }

    /// Refuses what is left.
    ///
    /// # Errors
    /// [`DecodeError`] if something is left.
    pub fn end(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(wrong(&format!("{} bytes stand behind the last value", self.rest.len())))
        }
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, DecodeError> {
        let (&byte, rest) = self.rest.split_first().ok_or_else(cut)?;
        self.rest = rest;
        Ok(byte)
    }

    #[inline]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(cut)?;
        self.rest = rest;
        Ok(*bytes)
    }

    #[inline]
    fn number(&mut self) -> Result<u64, DecodeError> {
        number::take(&mut self.rest).ok_or_else(no_number)
    }

    #[inline]
    fn narrow<T: TryFrom<u64>>(&mut self) -> Result<T, DecodeError> {
        T::try_from(self.number()?).map_err(|_| no_number())
    }

    #[inline]
    fn narrow_signed<T: TryFrom<i64>>(&mut self) -> Result<T, DecodeError> {
        T::try_from(number::unfolded(self.number()?)).map_err(|_| no_number())
    }

    #[inline]
    fn wide(&mut self) -> Result<u128, DecodeError> {
        number::take_wide(&mut self.rest).ok_or_else(no_number)
    }

    #[inline]
    fn bytes(&mut self) -> Result<&'de [u8], DecodeError> {
        let length = self.narrow()?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or_else(cut)?;
        self.rest = rest;
        Ok(bytes)
    }

    #[inline]
    fn text(&mut self) -> Result<&'de str, DecodeError> {
        str::from_utf8(self.bytes()?).map_err(|_| wrong("a text is not UTF-8"))
    }

    /// How many parts a list or a map has, each of which takes a byte or counts as empty.
    #[inline]
    fn count(&mut self) -> Result<usize, DecodeError> {
        let count = self.narrow()?;
        if count > self.rest.len().saturating_add(self.empty_left) { Err(cut()) } else { Ok(count) }
    }

    /// Notes that a part of a list or map took no bytes.
    #[cold]
    fn was_empty(&mut self) -> Result<(), DecodeError> {
        self.empty_left =
            self.empty_left.checked_sub(1).ok_or_else(|| wrong("too many parts of lists have no content"))?;
        Ok(())
    }
}

#[cold]
fn wrong(what: &str) -> DecodeError {
    de::Error::custom(what)
}

#[cold]
fn cut() -> DecodeError {
    wrong("the bytes end before the value does")
}

#[cold]
fn no_number() -> DecodeError {
    wrong("a number is not there, too large, or not in its shortest form")
}

#[cold]
fn too_deep() -> DecodeError {
    wrong(&format!("it nests deeper than {MOST_LEVELS} levels"))
}

#[cold]
fn needs_names() -> DecodeError {
    wrong(
        "it can only be read where names and types stand with the values (serde's `untagged`, `tag`, `flatten`; any JSON value), and the compact codec has none: take `compact` off the service",
    )
}

/// Reads one value, which may nest so much deeper.
struct One<'r, 'de> {
    reader: &'r mut Reader<'de>,
    levels: u16,
    steps: u16,
}

/// Reads the parts of a value.
struct Parts<'r, 'de> {
    of: One<'r, 'de>,
    /// How many are still to come.
    left: usize,
    /// Their number came from the peer.
    is_counted: bool,
}

impl<'r, 'de> One<'r, 'de> {
    #[inline]
    fn inside(self) -> Result<Self, DecodeError> {
        if self.levels == 0 || self.steps == 0 {
            return Err(too_deep());
        }
        Ok(Self { levels: self.levels - 1, steps: self.steps - 1, ..self })
    }

    #[inline]
    fn parts(self, left: usize, is_counted: bool) -> Result<Parts<'r, 'de>, DecodeError> {
        Ok(Parts { of: self.inside()?, left, is_counted })
    }

    /// The fields of a struct. Their names may be more than they are, as serde lists those of a field's `alias` as well.
    #[inline]
    fn fields<V: Visitor<'de>>(self, names: &[&str], visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_seq(&mut self.parts(names.len(), false)?)
    }

    #[inline]
    fn counted(self) -> Result<Parts<'r, 'de>, DecodeError> {
        let count = self.reader.count()?;
        self.parts(count, true)
    }
}

impl<'de> Parts<'_, 'de> {
    #[inline]
    fn part<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DecodeError> {
        let One { reader, levels, steps } = &mut self.of;
        seed.deserialize(One { reader, levels: *levels, steps: *steps })
    }

    #[inline]
    fn next<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let before = self.of.reader.rest.len();
        let part = self.part(seed)?;
        if self.is_counted && self.of.reader.rest.len() == before {
            self.of.reader.was_empty()?;
        }
        Ok(Some(part))
    }

    /// What was left unread would be taken for what stands behind it.
    #[inline]
    fn finish<T>(&self, value: T) -> Result<T, DecodeError> {
        if self.left == 0 { Ok(value) } else { Err(wrong("its type reads fewer parts than were written")) }
    }
}

impl<'de> de::SeqAccess<'de> for &mut Parts<'_, 'de> {
    type Error = DecodeError;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        self.next(seed)
    }

    /// Never more than there are bytes, for those who reserve memory by it.
    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(self.of.reader.rest.len()))
    }
}

impl<'de> de::MapAccess<'de> for &mut Parts<'_, 'de> {
    type Error = DecodeError;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        self.next(seed)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DecodeError> {
        self.part(seed)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(self.of.reader.rest.len()))
    }
}

impl<'r, 'de> de::EnumAccess<'de> for One<'r, 'de> {
    type Error = DecodeError;
    type Variant = Self;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), DecodeError> {
        let number: U32Deserializer<DecodeError> = self.reader.narrow::<u32>()?.into_deserializer();
        Ok((seed.deserialize(number)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for One<'_, 'de> {
    type Error = DecodeError;

    #[inline]
    fn unit_variant(self) -> Result<(), DecodeError> {
        Ok(())
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, DecodeError> {
        seed.deserialize(self.inside()?)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, count: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.inside()?.deserialize_tuple(count, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.inside()?.fields(fields, visitor)
    }
}

macro_rules! read {
    ($($method:ident => $visit:ident($reader:ident) $value:expr;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            let $reader = self.reader;
            visitor.$visit($value)
        }
    )*};
}

impl<'de> Deserializer<'de> for One<'_, 'de> {
    type Error = DecodeError;

    read! {
        deserialize_i8 => visit_i8(reader) i8::from_le_bytes(reader.fixed()?);
        deserialize_i16 => visit_i16(reader) reader.narrow_signed()?;
        deserialize_i32 => visit_i32(reader) reader.narrow_signed()?;
        deserialize_i64 => visit_i64(reader) number::unfolded(reader.number()?);
        deserialize_i128 => visit_i128(reader) number::unfolded_wide(reader.wide()?);
        deserialize_u8 => visit_u8(reader) reader.byte()?;
        deserialize_u16 => visit_u16(reader) reader.narrow()?;
        deserialize_u32 => visit_u32(reader) reader.narrow()?;
        deserialize_u64 => visit_u64(reader) reader.number()?;
        deserialize_u128 => visit_u128(reader) reader.wide()?;
        deserialize_f32 => visit_f32(reader) f32::from_le_bytes(reader.fixed()?);
        deserialize_f64 => visit_f64(reader) f64::from_le_bytes(reader.fixed()?);
        deserialize_str => visit_borrowed_str(reader) reader.text()?;
        deserialize_string => visit_borrowed_str(reader) reader.text()?;
        deserialize_bytes => visit_borrowed_bytes(reader) reader.bytes()?;
        deserialize_byte_buf => visit_borrowed_bytes(reader) reader.bytes()?;
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, DecodeError> {
        Err(needs_names())
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, DecodeError> {
        Err(needs_names())
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _: V) -> Result<V::Value, DecodeError> {
        Err(needs_names())
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.reader.byte()? {
            0 => visitor.visit_bool(false),
            1 => visitor.visit_bool(true),
            _ => Err(wrong("a boolean is neither 0 nor 1")),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let mut chars = self.reader.text()?.chars();
        match (chars.next(), chars.next()) {
            (Some(char), None) => visitor.visit_char(char),
            _ => Err(wrong("a character is a text of another length")),
        }
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.reader.byte()? {
            0 => visitor.visit_none(),
            1 => {
                let steps = self.steps.checked_sub(1).ok_or_else(too_deep)?;
                visitor.visit_some(Self { steps, ..self })
            }
            _ => Err(wrong("an option is neither 0 nor 1")),
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let mut parts = self.counted()?;
        let value = visitor.visit_seq(&mut parts)?;
        parts.finish(value)
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, count: usize, visitor: V) -> Result<V::Value, DecodeError> {
        let mut parts = self.parts(count, false)?;
        let value = visitor.visit_seq(&mut parts)?;
        parts.finish(value)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_tuple(count, visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let mut parts = self.counted()?;
        let value = visitor.visit_map(&mut parts)?;
        parts.finish(value)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.fields(fields, visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_enum(self)
    }
}
