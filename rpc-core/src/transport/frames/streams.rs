//! The frames of streams, and what their items cost.

use super::FrameKind;
use super::body;
use super::notes::record_text;
use super::number::{self, MAX_NUMBER};
use super::write::{flags, request_only};
use crate::error::RpcError;

/// What may be sent of a stream before anything is granted, in bytes: at 1 ms from end to end 64 MB/s, and what a consumer that does not read
/// costs.
pub const FIRST_CREDIT: u64 = 64 << 10;

/// What an item costs besides its bytes: about what keeping it takes.
pub const ITEM_COST: u64 = 64;

/// Most credit that a stream may have, in bytes: four of the largest items.
pub const MAX_CREDIT: u64 = 16 << 20;

/// In the flags of an item: it is an error.
pub(super) const FAILED: u8 = 0x01;

/// What an item of so many bytes costs. As long as any credit is left an item may be sent, however large: credit then falls below zero.
pub fn cost(bytes: usize) -> i64 {
    i64::try_from(bytes as u64 + ITEM_COST).unwrap_or(i64::MAX)
}

/// Appends that the answer is a stream.
pub fn write_stream_begin(out: &mut Vec<u8>, request: u64) {
    request_only(out, FrameKind::StreamBegin, request, &[]);
}

/// Appends an item, or the end of one that went in parts. A `failed` one is an error of the provider's, as a
/// [`failure_payload`](super::failure_payload).
pub fn write_stream_item(out: &mut Vec<u8>, request: u64, failed: bool, compact: bool, item: &[u8]) {
    body::write(out, FrameKind::StreamItem, MAX_NUMBER + 1 + item.len(), |out| {
        number::put(out, request);
        out.push(flags(false, compact) | if failed { FAILED } else { 0 });
        out.extend_from_slice(item);
    });
}

/// Appends the end of a stream: of its own, or by an error of ours.
pub fn write_stream_end(out: &mut Vec<u8>, request: u64, error: Option<&RpcError>) {
    let record = error.map(|error| record_text(error.record()));
    write_end(out, request, record.as_deref());
}

/// Appends that so many more bytes of a stream may be sent.
pub fn write_window(out: &mut Vec<u8>, request: u64, credit: u64) {
    body::write(out, FrameKind::Window, 2 * MAX_NUMBER, |out| {
        number::put(out, request);
        number::put(out, credit);
    });
}

pub(super) fn write_end(out: &mut Vec<u8>, request: u64, record: Option<&[u8]>) {
    let rest = record.unwrap_or_default();
    body::write(out, FrameKind::StreamEnd, MAX_NUMBER + 1 + rest.len(), |out| {
        number::put(out, request);
        out.push(record.is_some().into());
        out.extend_from_slice(rest);
    });
}
