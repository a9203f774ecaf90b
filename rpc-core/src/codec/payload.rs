//! Encoded arguments, values and errors, and which codec they are in.

use bytes::Bytes;

use crate::error::{Executed, Kind, RpcError};

/// How something is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codec {
    /// JSON text, which every build reads.
    #[default]
    Json,
    /// The [compact](super::compact) codec, which only the same build reads.
    Compact,
}

/// What was encoded. Cloning copies no bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    bytes: Bytes,
    codec: Codec,
}

/// Writes as JSON what the compact codec has written of certain types.
pub type ToJson = fn(&[u8]) -> Result<Bytes, RpcError>;

impl Payload {
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

    /// The JSON text, where there can be no other.
    ///
    /// # Errors
    /// [`Kind::Internal`], not executed, for what is in the compact codec: whoever sends it on forgot to ask.
    pub fn text(&self) -> Result<&Bytes, RpcError> {
        if self.is_compact() {
            let message = "what is in the compact codec was to go where only JSON is read";
            return Err(RpcError::new(Kind::Internal, message).with_executed(Executed::No));
        }
        Ok(&self.bytes)
    }

    /// The same as JSON; `to_json` knows its type.
    ///
    /// # Errors
    /// [`Kind::Encode`] if it has no JSON, such as NaN; [`Kind::Internal`] if nobody knows its type.
    pub fn into_json(self, to_json: Option<ToJson>) -> Result<Self, RpcError> {
        match (self.codec, to_json) {
            (Codec::Json, _) => Ok(self),
            (Codec::Compact, Some(to_json)) => to_json(&self.bytes).map(Self::json),
            (Codec::Compact, None) => Err(RpcError::new(Kind::Internal, "nobody here knows the type of a compact payload")),
        }
    }
}
