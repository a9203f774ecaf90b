//! The names of a JSON object's members, made from the keys of a map.

use serde::Serialize;
use serde::ser::{Impossible, Serializer};

use super::KeyError;

/// Writes a map's key as the text of a member name; text, integers, bools, chars and unit variants have one.
pub(super) struct MemberName;

macro_rules! as_text {
    ($($method:ident: $scalar:ty),*) => {$(
        fn $method(self, value: $scalar) -> Result<String, KeyError> {
            Ok(value.to_string())
        }
    )*};
}

impl Serializer for MemberName {
    type Ok = String;
    type Error = KeyError;
    type SerializeSeq = Impossible<String, KeyError>;
    type SerializeTuple = Impossible<String, KeyError>;
    type SerializeTupleStruct = Impossible<String, KeyError>;
    type SerializeTupleVariant = Impossible<String, KeyError>;
    type SerializeMap = Impossible<String, KeyError>;
    type SerializeStruct = Impossible<String, KeyError>;
    type SerializeStructVariant = Impossible<String, KeyError>;

    as_text! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
        serialize_bool: bool, serialize_char: char, serialize_str: &str
    }

    fn serialize_f32(self, _: f32) -> Result<String, KeyError> {
        Err(KeyError::Float)
    }

    fn serialize_f64(self, _: f64) -> Result<String, KeyError> {
        Err(KeyError::Float)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<String, KeyError> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<String, KeyError> {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<String, KeyError> {
        Ok(variant.to_owned())
    }

    fn serialize_none(self) -> Result<String, KeyError> {
        Err(KeyError::MemberName("`None`"))
    }

    fn serialize_unit(self) -> Result<String, KeyError> {
        Err(KeyError::MemberName("`()`"))
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<String, KeyError> {
        Err(KeyError::MemberName("a unit struct"))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<String, KeyError> {
        Err(KeyError::MemberName("a byte string"))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<String, KeyError> {
        Err(KeyError::MemberName("an enum variant with a value"))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, KeyError> {
        Err(KeyError::MemberName("a sequence"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, KeyError> {
        Err(KeyError::MemberName("a tuple"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, KeyError> {
        Err(KeyError::MemberName("a tuple struct"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, KeyError> {
        Err(KeyError::MemberName("an enum variant with values"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, KeyError> {
        Err(KeyError::MemberName("a map"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, KeyError> {
        Err(KeyError::MemberName("a struct"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, KeyError> {
        Err(KeyError::MemberName("an enum variant with fields"))
    }
}
