//! Writes answers, cancellations and signs of life. Everything is appended to the caller's buffer in place.

use super::body;
use super::call::COMPACT;
use super::number::{self, MAX_NUMBER};
use super::{FrameKind, MAX_RUNS, runs};
use crate::call::Covered;

/// A reply names the slots that it covers.
pub(super) const COVERED: u8 = 0x01;

pub(super) fn flags(has_runs: bool, compact: bool) -> u8 {
    (if has_runs { COVERED } else { 0 }) | (if compact { COMPACT } else { 0 })
}

/// Appends a reply; `value` is the encoded value, or its last [part](super::in_parts). More runs than there are slots are left out, which
/// makes the caller ask again.
pub fn write_reply(out: &mut Vec<u8>, request: u64, compact: bool, covered: &[Covered], value: &[u8]) {
    let covered = if covered.len() > MAX_RUNS { &[] } else { covered };
    body::write(out, FrameKind::Reply, MAX_NUMBER + 1 + value.len(), |out| {
        number::put(out, request);
        out.push(flags(!covered.is_empty(), compact));
        if !covered.is_empty() {
            runs::write(out, covered);
        }
        out.extend_from_slice(value);
    });
}

/// Appends the provider's own error: what its `Display` says, and the encoded error. Together they must be at most
/// [`PART`](super::PART) bytes; longer ones go in parts of their [`failure_payload`].
pub fn write_failure(out: &mut Vec<u8>, request: u64, compact: bool, message: &str, error: &[u8]) {
    body::write(out, FrameKind::Failure, 2 * MAX_NUMBER + 1 + message.len() + error.len(), |out| {
        number::put(out, request);
        out.push(flags(false, compact));
        put_failure(out, message, error);
    });
}

/// What is cut into parts when a provider's error is long.
pub fn failure_payload(message: &str, error: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(MAX_NUMBER + message.len() + error.len());
    put_failure(&mut payload, message, error);
    payload
}

/// Appends the end of a provider's error; `last` is the last [part](super::in_parts) of its [`failure_payload`].
pub fn write_failure_end(out: &mut Vec<u8>, request: u64, compact: bool, last: &[u8]) {
    body::write(out, FrameKind::Failure, MAX_NUMBER + 1 + last.len(), |out| {
        number::put(out, request);
        out.push(flags(false, compact));
        out.extend_from_slice(last);
    });
}

/// Appends that a call is taken back.
pub fn write_cancel(out: &mut Vec<u8>, request: u64) {
    request_only(out, FrameKind::Cancel, request, &[]);
}

/// Appends a ping.
pub fn write_ping(out: &mut Vec<u8>, bytes: [u8; 8]) {
    body::write(out, FrameKind::Ping, bytes.len(), |out| out.extend_from_slice(&bytes));
}

/// Appends the answer to the ping of these bytes.
pub fn write_pong(out: &mut Vec<u8>, bytes: [u8; 8]) {
    body::write(out, FrameKind::Pong, bytes.len(), |out| out.extend_from_slice(&bytes));
}

/// Appends a frame of a request id and nothing else but `rest`.
pub(super) fn request_only(out: &mut Vec<u8>, kind: FrameKind, request: u64, rest: &[u8]) {
    body::write(out, kind, MAX_NUMBER + rest.len(), |out| {
        number::put(out, request);
        out.extend_from_slice(rest);
    });
}

fn put_failure(out: &mut Vec<u8>, message: &str, error: &[u8]) {
    number::put(out, message.len() as u64);
    out.extend_from_slice(message.as_bytes());
    out.extend_from_slice(error);
}
