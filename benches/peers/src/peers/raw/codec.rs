//! How payloads are encoded.

use serde::{Deserialize, Serialize};

use crate::Failed;

pub trait Codec: Send + Sync + 'static {
    /// Appends `value` to `out`.
    fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), Failed>;

    fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Failed>;
}

pub struct Postcard;

pub struct Json;

impl Codec for Postcard {
    fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), Failed> {
        postcard::to_io(value, out)?;
        Ok(())
    }

    fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Failed> {
        Ok(postcard::from_bytes(bytes)?)
    }
}

impl Codec for Json {
    fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), Failed> {
        Ok(serde_json::to_writer(out, value)?)
    }

    fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Failed> {
        Ok(serde_json::from_slice(bytes)?)
    }
}
