//! Encoded arguments, values and errors, and which codec they are in.

use bytes::Bytes;
use serde::Serialize;

use super::compact::to_compact;
use super::envelope::MAX_DEPTH;
use super::finite::{EncodeError, to_piece};
use crate::error::{Kind, RpcError};

/// How something is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codec {
    /// JSON text, which every build reads.
    #[default]
    Json,
    /// The [compact](super::compact) codec, which only the same build reads.
    Compact,
}

impl Codec {
    /// The one that a flag says.
    #[inline]
    pub fn of(is_compact: bool) -> Self {
        if is_compact { Self::Compact } else { Self::Json }
    }
}

/// What was encoded. Cloning copies no bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    bytes: Bytes,
    codec: Codec,
}

/// Reads what was written of certain types, in either codec, and writes it as JSON.
pub type ToJson = fn(&Payload) -> Result<Bytes, RpcError>;

/// Why a value cannot be written, as the end of a sentence about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// In either codec.
    #[error("nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// As JSON.
    #[error("cannot be written as JSON: {0}")]
    NoJson(EncodeError),
    /// In the compact codec.
    #[error("cannot be written in the compact codec: {0}")]
    NotCompact(EncodeError),
}

impl Unwritable {
    /// What a failure to write in this codec was.
    #[cold]
    pub fn of(codec: Codec, error: EncodeError) -> Self {
        match codec {
            Codec::Compact if error.is_too_deep() => Self::TooDeep,
            Codec::Compact => Self::NotCompact(error),
            Codec::Json => Self::NoJson(error),
        }
    }
}

impl Payload {
    /// The value in this codec, in memory that short ones share. As JSON it may nest deeper than it may: that is for its reader to say.
    ///
    /// # Errors
    /// [`Unwritable`].
    pub fn written<T: Serialize + ?Sized>(codec: Codec, value: &T) -> Result<Self, Unwritable> {
        let bytes = match codec {
            Codec::Json => to_piece(value),
            Codec::Compact => to_compact(value),
        };
        bytes.map(|bytes| Self::of(codec, bytes)).map_err(|error| Unwritable::of(codec, error))
    }

    /// JSON text.
    pub fn json(text: impl Into<Bytes>) -> Self {
        Self { bytes: text.into(), codec: Codec::Json }
    }

    /// What the compact codec wrote.
    pub fn compact(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), codec: Codec::Compact }
    }

    /// What this codec wrote.
    pub fn of(codec: Codec, bytes: Bytes) -> Self {
        Self { bytes, codec }
    }

    /// The codec.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Whether it is in the compact codec.
    #[inline]
    pub fn is_compact(&self) -> bool {
        self.codec == Codec::Compact
    }

    /// The bytes, in whichever codec.
    #[inline]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The same as JSON; `to_json` knows its type.
    ///
    /// # Errors
    /// [`Kind::Encode`] if it has no JSON, such as NaN; [`Kind::Decode`] if it is not of that type; [`Kind::Internal`] if nobody knows its type.
    pub fn into_json(self, to_json: Option<ToJson>) -> Result<Self, RpcError> {
        match (self.codec, to_json) {
            (Codec::Json, _) => Ok(self),
            (Codec::Compact, Some(to_json)) => to_json(&self).map(Self::json),
            (Codec::Compact, None) => {
                Err(RpcError::new(Kind::Internal, "nobody here knows the type of a compact payload"))
            }
        }
    }
}
