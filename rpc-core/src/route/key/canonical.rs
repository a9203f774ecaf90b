//! Canonical JSON: compact, member names sorted by their bytes at every level, no floats.
//!
//! The buffer travels by value from container to element and back, so that the same serializer serves a whole component
//! and any part of one without a lifetime.

use serde::Serialize;
use serde::ser;

use super::KeyError;
use super::object::Object;
use crate::codec::envelope::MAX_DEPTH;

/// Writes one value behind what `out` holds, and gives the buffer back.
#[derive(Default)]
pub(super) struct Canonical {
    pub(super) out: Vec<u8>,
    /// Containers around the value.
    pub(super) depth: usize,
}

impl Canonical {
    fn write(mut self, text: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.out.extend_from_slice(text);
        Ok(self.out)
    }

    fn integer(self, value: impl itoa::Integer) -> Result<Vec<u8>, KeyError> {
        self.write(itoa::Buffer::new().format(value).as_bytes())
    }

    /// One level down, behind an opening bracket or brace.
    fn open(mut self, opening: u8) -> Result<Self, KeyError> {
        if self.depth == MAX_DEPTH {
            return Err(KeyError::TooDeep);
        }
        self.depth += 1;
        self.out.push(opening);
        Ok(self)
    }

    /// `{"Variant":`, to be closed by whoever writes the content.
    fn open_variant(self, variant: &str) -> Result<Self, KeyError> {
        let mut opened = self.open(b'{')?;
        write_text(&mut opened.out, variant)?;
        opened.out.push(b':');
        Ok(opened)
    }
}

/// Writes text as a JSON string, escaped as serde_json does it.
pub(super) fn write_text(out: &mut Vec<u8>, text: &str) -> Result<(), KeyError> {
    serde_json::to_writer(out, text).map_err(ser::Error::custom)
}

macro_rules! integers {
    ($($method:ident: $integer:ty),*) => {$(
        fn $method(self, value: $integer) -> Result<Vec<u8>, KeyError> {
            self.integer(value)
        }
    )*};
}

impl ser::Serializer for Canonical {
    type Ok = Vec<u8>;
    type Error = KeyError;
    type SerializeSeq = Array;
    type SerializeTuple = Array;
    type SerializeTupleStruct = Array;
    type SerializeTupleVariant = Array;
    type SerializeMap = Object;
    type SerializeStruct = Object;
    type SerializeStructVariant = Object;

    integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    }

    fn serialize_bool(self, value: bool) -> Result<Vec<u8>, KeyError> {
        self.write(if value { b"true" } else { b"false" })
    }

    fn serialize_f32(self, _: f32) -> Result<Vec<u8>, KeyError> {
        Err(KeyError::Float)
    }

    fn serialize_f64(self, _: f64) -> Result<Vec<u8>, KeyError> {
        Err(KeyError::Float)
    }

    fn serialize_char(self, value: char) -> Result<Vec<u8>, KeyError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(mut self, text: &str) -> Result<Vec<u8>, KeyError> {
        write_text(&mut self.out, text)?;
        Ok(self.out)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.collect_seq(bytes)
    }

    fn serialize_none(self) -> Result<Vec<u8>, KeyError> {
        self.write(b"null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Vec<u8>, KeyError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Vec<u8>, KeyError> {
        self.write(b"null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Vec<u8>, KeyError> {
        self.write(b"null")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Vec<u8>, KeyError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Vec<u8>, KeyError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Vec<u8>, KeyError> {
        let mut out = value.serialize(self.open_variant(variant)?)?;
        out.push(b'}');
        Ok(out)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Array, KeyError> {
        Ok(Array { json: self.open(b'[')?, empty: true, close: b"]" })
    }

    fn serialize_tuple(self, len: usize) -> Result<Array, KeyError> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Array, KeyError> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Array, KeyError> {
        Ok(Array { json: self.open_variant(variant)?.open(b'[')?, empty: true, close: b"]}" })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Object, KeyError> {
        Ok(Object::new(self.open(b'{')?, b"}"))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Object, KeyError> {
        match name {
            // What serde_json calls its own types inside; they serialize as structs of these names.
            "$serde_json::private::Number" => Ok(Object::number(self)),
            "$serde_json::private::RawValue" => Err(KeyError::RawJson),
            _ => Ok(Object::new(self.open(b'{')?, b"}")),
        }
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Object, KeyError> {
        Ok(Object::new(self.open_variant(variant)?.open(b'{')?, b"}}"))
    }
}

/// An open JSON array.
pub(super) struct Array {
    json: Canonical,
    empty: bool,
    close: &'static [u8],
}

impl Array {
    fn write_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), KeyError> {
        let mut out = std::mem::take(&mut self.json.out);
        if !std::mem::replace(&mut self.empty, false) {
            out.push(b',');
        }
        self.json.out = value.serialize(Canonical { out, depth: self.json.depth })?;
        Ok(())
    }
}

macro_rules! sequences {
    ($($trait:ident::$element:ident),*) => {$(
        impl ser::$trait for Array {
            type Ok = Vec<u8>;
            type Error = KeyError;

            fn $element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), KeyError> {
                self.write_element(value)
            }

            fn end(mut self) -> Result<Vec<u8>, KeyError> {
                self.json.out.extend_from_slice(self.close);
                Ok(self.json.out)
            }
        }
    )*};
}

sequences!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);
