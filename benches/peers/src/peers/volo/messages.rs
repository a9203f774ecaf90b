//! The messages, as volo's code generator would write them for thrift.

use pilota::FastStr;
use pilota::thrift::{
    ProtocolException, ProtocolExceptionKind, TAsyncInputProtocol, TInputProtocol, TLengthProtocol, TLengthProtocolExt,
    TMessageIdentifier, TOutputProtocol, TOutputProtocolExt, TStructIdentifier, TType, ThriftException,
};
use volo_thrift::{EntryMessage, Message};

/// What a call says.
#[derive(Clone, Debug)]
pub struct Get {
    pub key: FastStr,
    pub payload: FastStr,
}

/// What is answered: the only field of a struct around it, as thrift has it.
#[derive(Clone, Debug)]
pub struct Got(pub Record);

#[derive(Clone, Debug)]
pub struct Record {
    pub key: FastStr,
    pub version: i64,
    pub payload: FastStr,
}

impl EntryMessage for Get {
    fn encode<T: TOutputProtocol>(&self, to: &mut T) -> Result<(), ThriftException> {
        to.write_struct_begin(&TStructIdentifier { name: "StoreGetArgs" })?;
        to.write_faststr_field(1, self.key.clone())?;
        to.write_faststr_field(2, self.payload.clone())?;
        to.write_field_stop()?;
        to.write_struct_end()
    }

    fn decode<T: TInputProtocol>(from: &mut T, _: &TMessageIdentifier) -> Result<Self, ThriftException> {
        let (mut key, mut payload) = (None, None);
        fields(from, |from, id, kind| {
            match (id, kind) {
                (Some(1), TType::Binary) => key = Some(from.read_faststr()?),
                (Some(2), TType::Binary) => payload = Some(from.read_faststr()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self { key: key.ok_or_else(|| missing("key"))?, payload: payload.ok_or_else(|| missing("payload"))? })
    }

    async fn decode_async<T: TAsyncInputProtocol>(_: &mut T, _: &TMessageIdentifier) -> Result<Self, ThriftException> {
        Err(unframed())
    }

    fn size<T: TLengthProtocol>(&self, of: &mut T) -> usize {
        of.struct_begin_len(&TStructIdentifier { name: "StoreGetArgs" })
            + of.faststr_field_len(Some(1), &self.key)
            + of.faststr_field_len(Some(2), &self.payload)
            + of.field_stop_len()
            + of.struct_end_len()
    }
}

impl EntryMessage for Got {
    fn encode<T: TOutputProtocol>(&self, to: &mut T) -> Result<(), ThriftException> {
        to.write_struct_begin(&TStructIdentifier { name: "StoreGetResult" })?;
        to.write_struct_field(0, &self.0, TType::Struct)?;
        to.write_field_stop()?;
        to.write_struct_end()
    }

    fn decode<T: TInputProtocol>(from: &mut T, _: &TMessageIdentifier) -> Result<Self, ThriftException> {
        let mut record = None;
        fields(from, |from, id, kind| {
            if (id, kind) != (Some(0), TType::Struct) {
                return Ok(false);
            }
            record = Some(Record::decode(from)?);
            Ok(true)
        })?;
        Ok(Self(record.ok_or_else(|| missing("success"))?))
    }

    async fn decode_async<T: TAsyncInputProtocol>(_: &mut T, _: &TMessageIdentifier) -> Result<Self, ThriftException> {
        Err(unframed())
    }

    fn size<T: TLengthProtocol>(&self, of: &mut T) -> usize {
        of.struct_begin_len(&TStructIdentifier { name: "StoreGetResult" })
            + of.struct_field_len(Some(0), &self.0)
            + of.field_stop_len()
            + of.struct_end_len()
    }
}

impl Message for Record {
    fn encode<T: TOutputProtocol>(&self, to: &mut T) -> Result<(), ThriftException> {
        to.write_struct_begin(&TStructIdentifier { name: "Record" })?;
        to.write_faststr_field(1, self.key.clone())?;
        to.write_i64_field(2, self.version)?;
        to.write_faststr_field(3, self.payload.clone())?;
        to.write_field_stop()?;
        to.write_struct_end()
    }

    fn decode<T: TInputProtocol>(from: &mut T) -> Result<Self, ThriftException> {
        let (mut key, mut version, mut payload) = (None, None, None);
        fields(from, |from, id, kind| {
            match (id, kind) {
                (Some(1), TType::Binary) => key = Some(from.read_faststr()?),
                (Some(2), TType::I64) => version = Some(from.read_i64()?),
                (Some(3), TType::Binary) => payload = Some(from.read_faststr()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            key: key.ok_or_else(|| missing("key"))?,
            version: version.ok_or_else(|| missing("version"))?,
            payload: payload.ok_or_else(|| missing("payload"))?,
        })
    }

    async fn decode_async<T: TAsyncInputProtocol>(_: &mut T) -> Result<Self, ThriftException> {
        Err(unframed())
    }

    fn size<T: TLengthProtocol>(&self, of: &mut T) -> usize {
        of.struct_begin_len(&TStructIdentifier { name: "Record" })
            + of.faststr_field_len(Some(1), &self.key)
            + of.i64_field_len(Some(2), self.version)
            + of.faststr_field_len(Some(3), &self.payload)
            + of.field_stop_len()
            + of.struct_end_len()
    }
}

/// The fields of a struct, in any order, each by its number.
fn fields<T: TInputProtocol>(
    from: &mut T,
    mut field: impl FnMut(&mut T, Option<i16>, TType) -> Result<bool, ThriftException>,
) -> Result<(), ThriftException> {
    from.read_struct_begin()?;
    loop {
        let next = from.read_field_begin()?;
        if next.field_type == TType::Stop {
            break;
        }
        if !field(from, next.id, next.field_type)? {
            from.skip(next.field_type)?;
        }
        from.read_field_end()?;
    }
    from.read_struct_end()
}

fn missing(name: &str) -> ThriftException {
    ProtocolException::new(ProtocolExceptionKind::InvalidData, format!("no field {name}")).into()
}

/// Only codecs that do not know a message's length read it bit by bit.
fn unframed() -> ThriftException {
    ProtocolException::new(ProtocolExceptionKind::NotImplemented, "messages come in frames").into()
}
