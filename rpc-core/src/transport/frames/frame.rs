//! One frame, as it stands in the buffer that it was read from.

use super::body;
use super::call::{CallFrame, Unsendable};
use super::number::{self, MAX_NUMBER};
use super::parts::{Of, write_part};
use super::runs::Runs;
use super::streams::{write_end, write_stream_item, write_window};
use super::write::{flags, request_only, write_failure_end, write_ping, write_pong};
use super::{ByeCode, FrameKind};

/// A frame. It borrows its texts and payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Who speaks: for [`Hello::parse`](super::Hello::parse).
    Hello(&'a [u8]),
    /// A call, or the end of one whose arguments came in parts.
    Call(CallFrame<'a>),
    /// A value.
    Reply {
        /// The call.
        request: u64,
        /// The value is in the compact codec.
        compact: bool,
        /// The slots that it speaks for.
        covered: Runs<'a>,
        /// The value, or its last piece.
        value: &'a [u8],
    },
    /// The provider's own error.
    Failure {
        /// The call.
        request: u64,
        /// The error is in the compact codec.
        compact: bool,
        /// Text and error, or their last piece: for [`read_failure`](super::read_failure).
        payload: &'a [u8],
    },
    /// An error of the framework. Whatever came of this answer in parts is void.
    Error {
        /// The call.
        request: u64,
        /// An [`ErrorRecord`](crate::error::ErrorRecord) as JSON.
        record: &'a [u8],
    },
    /// The call is taken back.
    Cancel {
        /// The call.
        request: u64,
    },
    /// To be answered by a pong of the same bytes.
    Ping([u8; 8]),
    /// The answer to a ping.
    Pong([u8; 8]),
    /// No further calls are taken: for [`GoAway::parse`](super::GoAway::parse).
    GoAway(&'a [u8]),
    /// A piece of a message that is not its last.
    Part {
        /// The call.
        request: u64,
        /// What it is a piece of.
        of: Of,
        /// The piece: 1 to [`PART`](super::PART) bytes.
        bytes: &'a [u8],
    },
    /// More items of a stream may be sent.
    Window {
        /// The call.
        request: u64,
        /// How many bytes more.
        credit: u64,
    },
    /// The answer is a stream: its items follow.
    StreamBegin {
        /// The call.
        request: u64,
    },
    /// An item of a stream.
    StreamItem {
        /// The call.
        request: u64,
        /// It is an error of the provider: text and error, as in a failure.
        failed: bool,
        /// It is in the compact codec.
        compact: bool,
        /// The item, or its last piece.
        item: &'a [u8],
    },
    /// The end of a stream.
    StreamEnd {
        /// The call.
        request: u64,
        /// Why it ended early, if it did: an [`ErrorRecord`](crate::error::ErrorRecord) as JSON.
        error: Option<&'a [u8]>,
    },
    /// The sender hangs up.
    Bye {
        /// Why, for programs.
        code: ByeCode,
        /// Why, for people: at most [`MAX_REASON`](super::MAX_REASON) bytes, from outside.
        reason: &'a str,
    },
}

impl Frame<'_> {
    /// Its kind.
    pub fn kind(&self) -> FrameKind {
        match self {
            Self::Hello(_) => FrameKind::Hello,
            Self::Call(_) => FrameKind::Call,
            Self::Reply { .. } => FrameKind::Reply,
            Self::Failure { .. } => FrameKind::Failure,
            Self::Error { .. } => FrameKind::Error,
            Self::Cancel { .. } => FrameKind::Cancel,
            Self::Ping(_) => FrameKind::Ping,
            Self::Pong(_) => FrameKind::Pong,
            Self::GoAway(_) => FrameKind::GoAway,
            Self::Part { .. } => FrameKind::Part,
            Self::Window { .. } => FrameKind::Window,
            Self::StreamBegin { .. } => FrameKind::StreamBegin,
            Self::StreamItem { .. } => FrameKind::StreamItem,
            Self::StreamEnd { .. } => FrameKind::StreamEnd,
            Self::Bye { .. } => FrameKind::Bye,
        }
    }

    /// Appends it: for a frame that was read, exactly the bytes that it was read from. The functions beside this one check and cut
    /// what is written; this one takes a frame as it is.
    ///
    /// # Errors
    /// A call whose texts no reader takes.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), Unsendable> {
        let kind = self.kind();
        match *self {
            Self::Call(call) => return call.write(out),
            Self::Hello(json) | Self::GoAway(json) => {
                body::write(out, kind, json.len(), |out| out.extend_from_slice(json));
            }
            Self::Reply { request, compact, covered, value } => {
                let has_runs = !covered.is_empty();
                body::write(out, kind, MAX_NUMBER + value.len(), |out| {
                    number::put(out, request);
                    out.push(flags(has_runs, compact));
                    if has_runs {
                        covered.write(out);
                    }
                    out.extend_from_slice(value);
                });
            }
            Self::Failure { request, compact, payload } => write_failure_end(out, request, compact, payload),
            Self::Error { request, record } => request_only(out, kind, request, record),
            Self::Cancel { request } | Self::StreamBegin { request } => request_only(out, kind, request, &[]),
            Self::Ping(bytes) => write_ping(out, bytes),
            Self::Pong(bytes) => write_pong(out, bytes),
            Self::Part { request, of, bytes } => write_part(out, request, of, bytes),
            Self::Window { request, credit } => write_window(out, request, credit),
            Self::StreamItem { request, failed, compact, item } => {
                write_stream_item(out, request, failed, compact, item);
            }
            Self::StreamEnd { request, error } => write_end(out, request, error),
            Self::Bye { code, reason } => body::write(out, kind, 1 + reason.len(), |out| {
                out.push(code.number());
                out.extend_from_slice(reason.as_bytes());
            }),
        }
        Ok(())
    }
}
