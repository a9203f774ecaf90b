//! The kinds of frames, by their numbers.

use std::fmt;

use super::number::MAX_NUMBER;
use super::{MAX_NOTE, MAX_REASON, PART};

/// What a frame is; its number is the frame's first byte behind the length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameKind {
    /// Who speaks, and what they take: the first frame in each direction.
    Hello = 0x01,
    /// A call.
    Call = 0x02,
    /// A value.
    Reply = 0x03,
    /// The provider's own error.
    Failure = 0x04,
    /// An error of the framework.
    Error = 0x05,
    /// A call is taken back.
    Cancel = 0x06,
    /// A sign of life is asked for.
    Ping = 0x07,
    /// The answer to a ping.
    Pong = 0x08,
    /// No further calls on this connection.
    GoAway = 0x09,
    /// A piece of a message, whose last piece comes in a frame of its kind.
    Part = 0x0a,
    /// More items of a stream may be sent.
    Window = 0x0b,
    /// An item of a stream.
    StreamItem = 0x0c,
    /// The end of a stream.
    StreamEnd = 0x0d,
    /// The sender hangs up, and why: the last frame of its direction.
    Bye = 0x0e,
    /// The answer is a stream, whose items follow.
    StreamBegin = 0x0f,
}

impl FrameKind {
    /// Every kind, by number.
    pub const ALL: [Self; 15] = [
        Self::Hello,
        Self::Call,
        Self::Reply,
        Self::Failure,
        Self::Error,
        Self::Cancel,
        Self::Ping,
        Self::Pong,
        Self::GoAway,
        Self::Part,
        Self::Window,
        Self::StreamItem,
        Self::StreamEnd,
        Self::Bye,
        Self::StreamBegin,
    ];

    /// The kind of this number.
    pub(super) fn of(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// Most bytes of such a frame without its length, or `max_frame` if that is less: a frame that cannot be right is refused by its first
    /// five bytes.
    pub(super) fn most(self, max_frame: usize) -> usize {
        let most = match self {
            Self::Hello | Self::GoAway => MAX_NOTE,
            Self::Error => MAX_NUMBER + PART,
            Self::Cancel | Self::StreamBegin => MAX_NUMBER,
            Self::Ping | Self::Pong => 8,
            Self::Part => MAX_NUMBER + 1 + PART,
            Self::Window => 2 * MAX_NUMBER,
            Self::Bye => 1 + MAX_REASON,
            Self::Call | Self::Reply | Self::Failure | Self::StreamItem | Self::StreamEnd => return max_frame,
        };
        max_frame.min(1 + most)
    }
}

impl fmt::Display for FrameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hello => "hello",
            Self::Call => "call",
            Self::Reply => "reply",
            Self::Failure => "failure",
            Self::Error => "error",
            Self::Cancel => "cancel",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::GoAway => "go-away",
            Self::Part => "part",
            Self::Window => "window",
            Self::StreamItem => "stream item",
            Self::StreamEnd => "stream end",
            Self::Bye => "bye",
            Self::StreamBegin => "stream begin",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_kinds_belong_together() {
        for number in 0..=u8::MAX {
            assert_eq!(FrameKind::of(number).map(|kind| kind as u8), (1..=15).contains(&number).then_some(number));
        }
    }
}
