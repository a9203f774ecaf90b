//! Values of several parts.

use serde::Serialize;
use serde::ser::{self, Error, Impossible, Serializer};

use super::key::Key;
use super::out::Out;
use super::text::write_text;
use super::{EncodeError, Json};

/// A list or an object that is being written.
pub(super) struct Compound<'a, O> {
    out: &'a mut O,
    is_first: bool,
    /// What ends it; nothing for a value that is JSON already.
    end: &'static [u8],
}

impl<'a, O: Out> Compound<'a, O> {
    #[inline]
    pub(super) fn begin(out: &'a mut O, bracket: u8, end: &'static [u8]) -> Result<Self, EncodeError> {
        out.open(bracket)?;
        Ok(Self { out, is_first: true, end })
    }

    /// What serde_json passes to itself: its one field is the JSON.
    pub(super) fn raw(out: &'a mut O) -> Self {
        Self { out, is_first: true, end: b"" }
    }

    #[inline]
    fn separate(&mut self) -> Result<(), EncodeError> {
        if std::mem::replace(&mut self.is_first, false) { Ok(()) } else { self.out.put(b",") }
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.separate()?;
        value.serialize(Json::plain(&mut *self.out))
    }

    #[inline]
    fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), EncodeError> {
        if self.end.is_empty() {
            return value.serialize(Raw(&mut *self.out));
        }
        self.separate()?;
        write_text(self.out, name)?;
        self.out.put(b":")?;
        value.serialize(Json::plain(&mut *self.out))
    }

    #[inline]
    fn finish(self) -> Result<(), EncodeError> {
        if self.end.is_empty() { Ok(()) } else { self.out.close(self.end) }
    }
}

macro_rules! sequences {
    ($($trait:ident::$element:ident;)*) => {$(
        impl<O: Out> ser::$trait for Compound<'_, O> {
            type Ok = ();
            type Error = EncodeError;

            fn $element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
                self.element(value)
            }

            fn end(self) -> Result<(), EncodeError> {
                self.finish()
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
        impl<O: Out> ser::$trait for Compound<'_, O> {
            type Ok = ();
            type Error = EncodeError;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), EncodeError> {
                self.member(name, value)
            }

            #[inline]
            fn end(self) -> Result<(), EncodeError> {
                self.finish()
            }
        }
    )*};
}

structs! {
    SerializeStruct;
    SerializeStructVariant;
}

impl<O: Out> ser::SerializeMap for Compound<'_, O> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.separate()?;
        key.serialize(Key(&mut *self.out))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.out.put(b":")?;
        value.serialize(Json::plain(&mut *self.out))
    }

    fn end(self) -> Result<(), EncodeError> {
        self.finish()
    }
}

/// Takes a text that is JSON already, as it is.
struct Raw<'a, O>(&'a mut O);

macro_rules! no_text {
    ($($method:ident($($kind:ty),*);)*) => {$(
        fn $method(self, $(_: $kind),*) -> Result<(), EncodeError> {
            Err(no_json())
        }
    )*};
}

macro_rules! no_compound {
    ($($method:ident($($kind:ty),*) -> $compound:ident;)*) => {$(
        fn $method(self, $(_: $kind),*) -> Result<Self::$compound, EncodeError> {
            Err(no_json())
        }
    )*};
}

fn no_json() -> EncodeError {
    EncodeError::custom("what serde_json passes to itself is a text")
}

impl<O: Out> Serializer for Raw<'_, O> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Impossible<(), EncodeError>;
    type SerializeTuple = Impossible<(), EncodeError>;
    type SerializeTupleStruct = Impossible<(), EncodeError>;
    type SerializeTupleVariant = Impossible<(), EncodeError>;
    type SerializeMap = Impossible<(), EncodeError>;
    type SerializeStruct = Impossible<(), EncodeError>;
    type SerializeStructVariant = Impossible<(), EncodeError>;

    fn serialize_str(self, json: &str) -> Result<(), EncodeError> {
        self.0.raw(json)
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, json: &T) -> Result<(), EncodeError> {
        self.0.raw(&json.to_string())
    }

    no_text! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    no_compound! {
        serialize_seq(Option<usize>) -> SerializeSeq;
        serialize_tuple(usize) -> SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant;
        serialize_map(Option<usize>) -> SerializeMap;
        serialize_struct(&'static str, usize) -> SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), EncodeError> {
        Err(no_json())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<(), EncodeError> {
        Err(no_json())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), EncodeError> {
        Err(no_json())
    }
}
