//! Turns one component into its bytes: plain text where its shape has one, canonical JSON elsewhere.

use serde::ser::{self, Serialize, Serializer};

use super::KeyError;
use super::canonical::{Array, Canonical};
use super::object::Object;

/// Where a component's bytes go: into a hash, or behind the components before it.
pub(super) trait Sink {
    type Ok;

    /// Takes text or a scalar, in which braces may mark a hash tag.
    fn plain(self, text: &[u8]) -> Self::Ok;

    /// Takes canonical JSON, in which braces are JSON's own.
    fn json(self, text: &[u8]) -> Self::Ok;
}

/// The serializer of one component. Human-readable, as JSON is: a UUID or an IP address is its text.
pub(super) struct Component<S>(pub(super) S);

impl<S: Sink> Component<S> {
    #[inline]
    fn integer(self, value: impl itoa::Integer) -> Result<S::Ok, KeyError> {
        Ok(self.0.plain(itoa::Buffer::new().format(value).as_bytes()))
    }
}

macro_rules! integers {
    ($($method:ident: $integer:ty),*) => {$(
        #[inline]
        fn $method(self, value: $integer) -> Result<S::Ok, KeyError> {
            self.integer(value)
        }
    )*};
}

impl<S: Sink> Serializer for Component<S> {
    type Ok = S::Ok;
    type Error = KeyError;
    type SerializeSeq = Compound<S, Array>;
    type SerializeTuple = Compound<S, Array>;
    type SerializeTupleStruct = Compound<S, Array>;
    type SerializeTupleVariant = Compound<S, Array>;
    type SerializeMap = Compound<S, Object>;
    type SerializeStruct = Compound<S, Object>;
    type SerializeStructVariant = Compound<S, Object>;

    integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<S::Ok, KeyError> {
        Ok(self.0.plain(text.as_bytes()))
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<S::Ok, KeyError> {
        Ok(self.0.plain(if value { b"true" } else { b"false" }))
    }

    #[inline]
    fn serialize_char(self, value: char) -> Result<S::Ok, KeyError> {
        Ok(self.0.plain(value.encode_utf8(&mut [0; 4]).as_bytes()))
    }

    fn serialize_f32(self, _: f32) -> Result<S::Ok, KeyError> {
        Err(KeyError::Float)
    }

    fn serialize_f64(self, _: f64) -> Result<S::Ok, KeyError> {
        Err(KeyError::Float)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, KeyError> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<S::Ok, KeyError> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<S::Ok, KeyError> {
        self.serialize_str(variant)
    }

    fn serialize_none(self) -> Result<S::Ok, KeyError> {
        Ok(self.0.json(b"null"))
    }

    fn serialize_unit(self) -> Result<S::Ok, KeyError> {
        Ok(self.0.json(b"null"))
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<S::Ok, KeyError> {
        Ok(self.0.json(b"null"))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<S::Ok, KeyError> {
        Ok(self.0.json(&Canonical::default().serialize_bytes(bytes)?))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, KeyError> {
        let json = Canonical::default().serialize_newtype_variant(name, index, variant, value)?;
        Ok(self.0.json(&json))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Compound<S, Array>, KeyError> {
        Ok(Compound { sink: self.0, json: Canonical::default().serialize_seq(len)? })
    }

    fn serialize_tuple(self, len: usize) -> Result<Compound<S, Array>, KeyError> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Compound<S, Array>, KeyError> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<S, Array>, KeyError> {
        let json = Canonical::default().serialize_tuple_variant(name, index, variant, len)?;
        Ok(Compound { sink: self.0, json })
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Compound<S, Object>, KeyError> {
        Ok(Compound { sink: self.0, json: Canonical::default().serialize_map(len)? })
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Compound<S, Object>, KeyError> {
        Ok(Compound { sink: self.0, json: Canonical::default().serialize_struct(name, len)? })
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<S, Object>, KeyError> {
        let json = Canonical::default().serialize_struct_variant(name, index, variant, len)?;
        Ok(Compound { sink: self.0, json })
    }
}

/// A sequence, map or struct that is the component: canonical JSON, handed to the sink when it is whole.
pub(super) struct Compound<S, J> {
    sink: S,
    json: J,
}

impl<S: Sink> Compound<S, Object> {
    fn finish(self) -> Result<S::Ok, KeyError> {
        let scalar = self.json.is_number();
        let text = self.json.end()?;
        Ok(if scalar { self.sink.plain(&text) } else { self.sink.json(&text) })
    }
}

macro_rules! sequences {
    ($($trait:ident::$element:ident),*) => {$(
        impl<S: Sink> ser::$trait for Compound<S, Array> {
            type Ok = S::Ok;
            type Error = KeyError;

            fn $element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), KeyError> {
                ser::$trait::$element(&mut self.json, value)
            }

            fn end(self) -> Result<S::Ok, KeyError> {
                Ok(self.sink.json(&ser::$trait::end(self.json)?))
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

macro_rules! structs {
    ($($trait:ident),*) => {$(
        impl<S: Sink> ser::$trait for Compound<S, Object> {
            type Ok = S::Ok;
            type Error = KeyError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), KeyError> {
                ser::$trait::serialize_field(&mut self.json, name, value)
            }

            fn end(self) -> Result<S::Ok, KeyError> {
                self.finish()
            }
        }
    )*};
}

structs!(SerializeStruct, SerializeStructVariant);

impl<S: Sink> ser::SerializeMap for Compound<S, Object> {
    type Ok = S::Ok;
    type Error = KeyError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), KeyError> {
        ser::SerializeMap::serialize_key(&mut self.json, key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), KeyError> {
        ser::SerializeMap::serialize_value(&mut self.json, value)
    }

    fn end(self) -> Result<S::Ok, KeyError> {
        self.finish()
    }
}
