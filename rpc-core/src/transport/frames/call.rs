//! A call, as a frame.

use std::borrow::Cow;

use super::body::{self, Body};
use super::number::{self, MAX_NUMBER};
use super::{Fault, FrameKind, MAX_METHOD, MAX_TRACE, Wrong};
use crate::call::path::MAX_PATH_TEXT;
use crate::call::{Call, CallId, Path};
use crate::slot::Slot;

const SLOT: u8 = 0x01;
const RETRY: u8 = 0x02;
const HOPS: u8 = 0x04;
const PATH: u8 = 0x08;
const TRACE: u8 = 0x10;
/// In the flags of all messages: what is encoded is so in the compact codec, not as JSON.
pub(super) const COMPACT: u8 = 0x20;

/// What a fixed part of a call takes at most: flags, session, request id, two numbers of the id, milliseconds, slot, two epochs, hops, and the
/// lengths of three texts.
const ROOM: usize = 1 + 8 + 11 * MAX_NUMBER;

/// A call, as a frame carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallFrame<'a> {
    /// What its answer will name it: no other call of the same caller has this number until it is answered.
    pub request: u64,
    /// Its name, the same over all connections.
    pub id: CallId,
    /// The time left when it was sent, in milliseconds.
    pub left_ms: u64,
    /// The slot that the caller computed, and the epoch that it knows.
    pub slot: Option<(Slot, u64)>,
    /// For a retry under the same id: the epoch under which the call was first sent.
    pub first_epoch: Option<u64>,
    /// How many nodes have passed it on.
    pub hops: u8,
    /// The calls it is nested in.
    pub path: PathText<'a>,
    /// A `traceparent`, handed on as it came.
    pub trace: Option<&'a [u8]>,
    /// The arguments are in the compact codec, and so is the answer to be.
    pub compact: bool,
    /// `Service.method`.
    pub method: &'a str,
    /// The arguments, or the last piece of them: JSON text, the same bytes as `params` of a request; empty for none.
    pub payload: &'a [u8],
}

/// The calls that a call is nested in, outermost first: `A.b>C.d`.
#[derive(Clone, Copy, Debug)]
pub enum PathText<'a> {
    /// None.
    Root,
    /// To be written.
    Path(&'a Path),
    /// As it was read: not more than [`MAX_PATH_TEXT`] bytes, and for [`Path::parse`] to judge.
    Text(&'a str),
}

/// The call fits no frame. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call's {field} has {length} bytes, and at most {most} are taken")]
pub struct Unsendable {
    /// What is too long.
    pub field: &'static str,
    /// Its length, in bytes.
    pub length: usize,
    /// The bound, in bytes.
    pub most: usize,
}

impl<'a> CallFrame<'a> {
    /// The frame of `call` under this request id. `left_ms` is the time left, rounded up, so that a call is never sent with less than it has;
    /// where the arguments go in [parts](super::in_parts), the payload is to be replaced by the last one.
    pub fn new(request: u64, call: &'a Call, left_ms: u64) -> Self {
        Self {
            request,
            id: call.id,
            left_ms,
            slot: call.target.slot().map(|slot| (slot, call.epoch)),
            first_epoch: call.first_epoch,
            hops: call.hops,
            path: if call.path.depth() == 0 { PathText::Root } else { PathText::Path(&call.path) },
            trace: call.trace.as_deref().filter(|trace| (1..=MAX_TRACE).contains(&trace.len())),
            compact: call.params.is_compact(),
            method: call.method.full_name,
            payload: call.params.bytes(),
        }
    }

    /// Appends the frame.
    ///
    /// # Errors
    /// The method's name, the path or the trace is empty or too long for any reader.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), Unsendable> {
        let path = self.path.length();
        fits("method", self.method.len(), MAX_METHOD)?;
        if let Some(length) = path {
            fits("path", length, MAX_PATH_TEXT)?;
        }
        if let Some(trace) = self.trace {
            fits("trace", trace.len(), MAX_TRACE)?;
        }
        let room =
            ROOM + self.method.len() + path.unwrap_or(0) + self.trace.map_or(0, <[u8]>::len) + self.payload.len();
        body::write(out, FrameKind::Call, room, |out| self.fields(out, path));
        Ok(())
    }

    fn flags(&self, has_path: bool) -> u8 {
        let flag = |is_set, bit| if is_set { bit } else { 0 };
        flag(self.slot.is_some(), SLOT)
            | flag(self.first_epoch.is_some(), RETRY)
            | flag(self.hops > 0, HOPS)
            | flag(has_path, PATH)
            | flag(self.trace.is_some(), TRACE)
            | flag(self.compact, COMPACT)
    }

    fn fields(&self, out: &mut Vec<u8>, path: Option<usize>) {
        number::put(out, self.request);
        out.push(self.flags(path.is_some()));
        out.extend_from_slice(&self.id.session.to_le_bytes());
        number::put(out, self.id.sequence);
        number::put(out, self.id.acked);
        number::put(out, self.left_ms);
        if let Some((slot, epoch)) = self.slot {
            number::put(out, slot.get().into());
            number::put(out, epoch);
        }
        if let Some(epoch) = self.first_epoch {
            number::put(out, epoch);
        }
        if self.hops > 0 {
            out.push(self.hops);
        }
        if let Some(length) = path {
            number::put(out, length as u64);
            self.path.write(out);
        }
        if let Some(trace) = self.trace {
            number::put(out, trace.len() as u64);
            out.extend_from_slice(trace);
        }
        number::put(out, self.method.len() as u64);
        out.extend_from_slice(self.method.as_bytes());
        out.extend_from_slice(self.payload);
    }

    pub(super) fn read(mut body: Body<'a>) -> Result<Self, Fault> {
        let request = body.number("request id")?;
        let flags = body.flags(SLOT | RETRY | HOPS | PATH | TRACE | COMPACT)?;
        let has = |bit| flags & bit != 0;
        let id = CallId {
            session: u64::from_le_bytes(body.fixed("session")?),
            sequence: body.number("sequence")?,
            acked: body.number("answered sequence")?,
        };
        if id.acked >= id.sequence {
            return Err(body.fault("call id", Wrong::NoCallId));
        }
        let left_ms = body.number("time left")?;
        let slot = if has(SLOT) { Some((body.slot("slot")?, body.number("epoch")?)) } else { None };
        let first_epoch = if has(RETRY) { Some(body.number("first epoch")?) } else { None };
        let hops = if has(HOPS) { body.byte("hops")? } else { 0 };
        if has(HOPS) && hops == 0 {
            return Err(body.fault("hops", Wrong::OutOfRange(0)));
        }
        let path = if has(PATH) { PathText::Text(body.text("path", MAX_PATH_TEXT)?) } else { PathText::Root };
        let trace = if has(TRACE) { Some(body.bytes("trace", MAX_TRACE)?) } else { None };
        let method = body.text("method", MAX_METHOD)?;
        let compact = has(COMPACT);
        Ok(Self { request, id, left_ms, slot, first_epoch, hops, path, trace, compact, method, payload: body.rest() })
    }
}

impl PathText<'_> {
    fn length(&self) -> Option<usize> {
        match self {
            Self::Root => None,
            Self::Path(path) => Some(path.text_len()),
            Self::Text(text) => Some(text.len()),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Root => {}
            Self::Path(path) => path.write_text(out),
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
        }
    }

    /// The text.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Root => Cow::Borrowed(""),
            Self::Path(path) => Cow::Owned(path.to_string()),
            Self::Text(text) => Cow::Borrowed(text),
        }
    }
}

impl PartialEq for PathText<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for PathText<'_> {}

fn fits(field: &'static str, length: usize, most: usize) -> Result<(), Unsendable> {
    if (1..=most).contains(&length) { Ok(()) } else { Err(Unsendable { field, length, most }) }
}
