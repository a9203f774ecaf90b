//! Writes values.

use serde::Serialize;
use serde::ser::{self, Error, Serializer};

use super::{MOST_EMPTY, MOST_LEVELS, MOST_STEPS, number};
use crate::codec::finite::{EncodeError, TOKEN};

/// Writes values one behind the other.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    empty_left: usize,
}

impl<'a> Writer<'a> {
    /// A writer to the end of `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, empty_left: MOST_EMPTY }
    }

    /// Appends the value.
    ///
    /// # Errors
    /// As [`write_compact`](super::write_compact).
    #[inline]
    pub fn write<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        value.serialize(One { writer: self, levels: MOST_LEVELS, steps: MOST_STEPS })
    }

    #[inline]
    fn length(&mut self, length: usize) {
        number::put(self.out, length as u64);
    }
}

/// Writes one value, which may nest so much deeper.
struct One<'w, 'a> {
    writer: &'w mut Writer<'a>,
    levels: u16,
    steps: u16,
}

/// Writes the parts of a value.
struct Parts<'w, 'a> {
    of: One<'w, 'a>,
    /// How many are still to come.
    left: usize,
}

impl<'w, 'a> One<'w, 'a> {
    /// For what is inside of this value.
    #[inline]
    fn inside(self) -> Result<Self, EncodeError> {
        if self.levels == 0 || self.steps == 0 {
            return Err(EncodeError::too_deep());
        }
        Ok(Self { levels: self.levels - 1, steps: self.steps - 1, ..self })
    }

    #[inline]
    fn parts(self, count: usize) -> Result<Parts<'w, 'a>, EncodeError> {
        Ok(Parts { of: self.inside()?, left: count })
    }

    /// Parts that their number stands in front of.
    #[inline]
    fn counted(self, count: Option<usize>) -> Result<Parts<'w, 'a>, EncodeError> {
        let count = count.ok_or_else(|| {
            unfit("how many parts it has is not known before they are written, as with serde's `flatten`")
        })?;
        self.writer.length(count);
        self.parts(count)
    }

    #[inline]
    fn variant(&mut self, variant: u32) {
        number::put(self.writer.out, variant.into());
    }

    #[inline]
    fn unsigned(self, value: u64) -> Result<(), EncodeError> {
        number::put(self.writer.out, value);
        Ok(())
    }

    #[inline]
    fn bytes(self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.writer.length(bytes.len());
        self.writer.out.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn fixed(self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.writer.out.extend_from_slice(bytes);
        Ok(())
    }
}

#[cold]
fn unfit(why: &str) -> EncodeError {
    EncodeError::custom(format_args!("{why}; the compact codec cannot write that: take `compact` off the service"))
}

impl Parts<'_, '_> {
    #[inline]
    fn part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.left = self.left.checked_sub(1).ok_or_else(|| unfit("it has more parts than it said"))?;
        let One { writer, levels, steps } = &mut self.of;
        value.serialize(One { writer, levels: *levels, steps: *steps })
    }

    /// A part of a list, of which there may be many that take no bytes.
    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        let before = self.of.writer.out.len();
        self.part(value)?;
        let writer = &mut *self.of.writer;
        if writer.out.len() == before {
            let left = writer.empty_left.checked_sub(1);
            writer.empty_left = left.ok_or_else(|| unfit("its lists have more than 65,536 parts without content"))?;
        }
        Ok(())
    }

    /// A field that serde leaves out of some values: it would be read from what stands behind it.
    #[cold]
    fn left_out(name: &str) -> EncodeError {
        unfit(&format!("the field `{name}` is left out by `skip_serializing_if`"))
    }

    #[inline]
    fn finish(self) -> Result<(), EncodeError> {
        if self.left == 0 { Ok(()) } else { Err(unfit("it has fewer parts than it said")) }
    }
}

macro_rules! numbers {
    ($($method:ident($kind:ty) as $($how:ident)?;)*) => {$(
        #[inline]
        fn $method(self, value: $kind) -> Result<(), EncodeError> {
            self.unsigned($(number::$how)?(value.into()))
        }
    )*};
}

impl<'w, 'a> Serializer for One<'w, 'a> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Parts<'w, 'a>;
    type SerializeTuple = Parts<'w, 'a>;
    type SerializeTupleStruct = Parts<'w, 'a>;
    type SerializeTupleVariant = Parts<'w, 'a>;
    type SerializeMap = Parts<'w, 'a>;
    type SerializeStruct = Parts<'w, 'a>;
    type SerializeStructVariant = Parts<'w, 'a>;

    numbers! {
        serialize_i16(i16) as folded;
        serialize_i32(i32) as folded;
        serialize_i64(i64) as folded;
        serialize_u16(u16) as;
        serialize_u32(u32) as;
        serialize_u64(u64) as;
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), EncodeError> {
        self.fixed(&[value.into()])
    }

    #[inline]
    fn serialize_i8(self, value: i8) -> Result<(), EncodeError> {
        self.fixed(&value.to_le_bytes())
    }

    #[inline]
    fn serialize_u8(self, value: u8) -> Result<(), EncodeError> {
        self.fixed(&[value])
    }

    fn serialize_i128(self, value: i128) -> Result<(), EncodeError> {
        number::put_wide(self.writer.out, number::folded_wide(value));
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Result<(), EncodeError> {
        number::put_wide(self.writer.out, value);
        Ok(())
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Result<(), EncodeError> {
        self.fixed(&value.to_le_bytes())
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<(), EncodeError> {
        self.fixed(&value.to_le_bytes())
    }

    #[inline]
    fn serialize_char(self, value: char) -> Result<(), EncodeError> {
        self.bytes(value.encode_utf8(&mut [0; 4]).as_bytes())
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        self.bytes(value.as_bytes())
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result<(), EncodeError> {
        self.bytes(value)
    }

    #[inline]
    fn serialize_none(self) -> Result<(), EncodeError> {
        self.fixed(&[0])
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        self.writer.out.push(1);
        let steps = self.steps.checked_sub(1).ok_or_else(EncodeError::too_deep)?;
        value.serialize(Self { steps, ..self })
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), EncodeError> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), EncodeError> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_variant(mut self, _: &'static str, variant: u32, _: &'static str) -> Result<(), EncodeError> {
        self.variant(variant);
        Ok(())
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.variant(variant);
        value.serialize(self.inside()?)
    }

    #[inline]
    fn serialize_seq(self, count: Option<usize>) -> Result<Parts<'w, 'a>, EncodeError> {
        self.counted(count)
    }

    #[inline]
    fn serialize_tuple(self, count: usize) -> Result<Parts<'w, 'a>, EncodeError> {
        self.parts(count)
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, count: usize) -> Result<Parts<'w, 'a>, EncodeError> {
        self.parts(count)
    }

    #[inline]
    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        count: usize,
    ) -> Result<Parts<'w, 'a>, EncodeError> {
        self.variant(variant);
        // The variant and its fields are two levels of JSON.
        self.inside()?.parts(count)
    }

    #[inline]
    fn serialize_map(self, count: Option<usize>) -> Result<Parts<'w, 'a>, EncodeError> {
        self.counted(count)
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, count: usize) -> Result<Parts<'w, 'a>, EncodeError> {
        if name.starts_with(TOKEN) {
            return Err(unfit("it is raw JSON"));
        }
        self.parts(count)
    }

    #[inline]
    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        count: usize,
    ) -> Result<Parts<'w, 'a>, EncodeError> {
        self.variant(variant);
        self.inside()?.parts(count)
    }
}

macro_rules! parts {
    ($($trait:ident::$method:ident as $how:ident;)*) => {$(
        impl ser::$trait for Parts<'_, '_> {
            type Ok = ();
            type Error = EncodeError;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
                self.$how(value)
            }

            #[inline]
            fn end(self) -> Result<(), EncodeError> {
                self.finish()
            }
        }
    )*};
}

parts! {
    SerializeSeq::serialize_element as element;
    SerializeTuple::serialize_element as part;
    SerializeTupleStruct::serialize_field as part;
    SerializeTupleVariant::serialize_field as part;
}

macro_rules! fields {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Parts<'_, '_> {
            type Ok = ();
            type Error = EncodeError;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), EncodeError> {
                self.part(value)
            }

            fn skip_field(&mut self, name: &'static str) -> Result<(), EncodeError> {
                Err(Self::left_out(name))
            }

            #[inline]
            fn end(self) -> Result<(), EncodeError> {
                self.finish()
            }
        }
    )*};
}

fields!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Parts<'_, '_> {
    type Ok = ();
    type Error = EncodeError;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.element(key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        // Counted with its key.
        self.left += 1;
        self.part(value)
    }

    #[inline]
    fn end(self) -> Result<(), EncodeError> {
        self.finish()
    }
}
