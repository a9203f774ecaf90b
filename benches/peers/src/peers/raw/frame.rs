//! The bytes of a frame: its length without itself in four bytes, the call's number in eight, the payload; little-endian.

use serde::Serialize;

use super::codec::Codec;
use crate::Failed;

const LENGTH: usize = size_of::<u32>();
const NUMBER: usize = size_of::<u64>();

/// Appends a frame to `out`.
pub fn write<C: Codec>(out: &mut Vec<u8>, number: u64, value: &impl Serialize) -> Result<(), Failed> {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH]);
    out.extend_from_slice(&number.to_le_bytes());
    C::encode(value, out)?;
    let length = u32::try_from(out.len() - start - LENGTH)?;
    out[start..start + LENGTH].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// The first frame of `bytes` as its call's number and payload, and what follows it; nothing if it is not whole.
pub fn read(bytes: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
    let (frame, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let (number, payload) = frame.split_first_chunk::<NUMBER>()?;
    Some((u64::from_le_bytes(*number), payload, rest))
}
