//! The frames that are JSON or plain words: they are rare, and later versions add to them.

use serde::{Deserialize, Serialize};

use super::body;
use super::write::request_only;
use super::{ByeCode, Fault, FrameKind, Hello, PART};
use crate::codec::strict;
use crate::error::{ErrorRecord, RpcError, bounded};

/// No further calls are taken on this connection; those that are open are finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoAway {
    /// Why, for people.
    pub reason: String,
}

impl GoAway {
    /// Reads a go-away. Unknown members are ignored.
    ///
    /// # Errors
    /// It is no JSON object with a reason.
    pub fn parse(json: &[u8]) -> Result<Self, Fault> {
        let read: Self = strict::from_slice(json).map_err(|error| bad_json(FrameKind::GoAway, &error))?;
        Ok(Self { reason: bounded(read.reason) })
    }
}

/// Appends a hello.
pub fn write_hello(out: &mut Vec<u8>, hello: &Hello) {
    write_json(out, FrameKind::Hello, hello);
}

/// Appends a go-away.
pub fn write_go_away(out: &mut Vec<u8>, reason: &str) {
    write_json(out, FrameKind::GoAway, &GoAway { reason: bounded(reason.to_owned()) });
}

/// Appends a bye, the last frame of this direction.
pub fn write_bye(out: &mut Vec<u8>, code: ByeCode, reason: &str) {
    let reason = bounded(reason.to_owned());
    body::write(out, FrameKind::Bye, 1 + reason.len(), |out| {
        out.push(code.number());
        out.extend_from_slice(reason.as_bytes());
    });
}

/// Appends an error of the framework. It needs no parts: its texts are bounded.
pub fn write_error(out: &mut Vec<u8>, request: u64, record: &ErrorRecord) {
    request_only(out, FrameKind::Error, request, &record_text(record));
}

/// An error of ours as JSON, which needs no parts.
pub(super) fn record_text(record: &ErrorRecord) -> Vec<u8> {
    let mut text = json(record);
    if text.len() > PART {
        // The sentence is bounded where errors are made, names and addresses where they are read.
        text = json(RpcError::from_record(record.clone()).record());
    }
    text
}

pub(super) fn bad_json(kind: FrameKind, error: &serde_json::Error) -> Fault {
    Fault::BadJson { kind, why: bounded(error.to_string()) }
}

fn write_json<T: Serialize>(out: &mut Vec<u8>, kind: FrameKind, note: &T) {
    let json = json(note);
    body::write(out, kind, json.len(), |out| out.extend_from_slice(&json));
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts and numbers, whose names are text, are JSON")
}
