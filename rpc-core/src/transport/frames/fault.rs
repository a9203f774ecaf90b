//! What a peer can do wrong in the bytes it sends. Every fault ends its connection, and nothing else.

use super::FrameKind;

/// Why the connection is over: the peer does not keep to the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The peer speaks something else.
    #[error("the peer sends {0} where frames are expected")]
    Foreign(&'static str),
    /// A length of 0, so without a kind.
    #[error("a frame of length 0: it would have no kind")]
    Empty,
    /// The declared length is more than such a frame may have. Nothing was reserved for it.
    #[error("a {} of {declared} bytes; at most {most} are taken", named(.kind))]
    TooLong {
        /// Its kind, if the limit is that of the kind.
        kind: Option<FrameKind>,
        /// The length it declares, in bytes.
        declared: u32,
        /// The limit, in bytes.
        most: usize,
    },
    /// A kind that this version does not have.
    #[error("a frame of the unknown kind {0:#04x}")]
    UnknownKind(u8),
    /// A field cannot be read.
    #[error("a {kind} frame whose {field} {wrong}")]
    Field {
        /// The kind of the frame.
        kind: FrameKind,
        /// The field, by its name in PROTOCOL.md.
        field: &'static str,
        /// What is wrong with it.
        wrong: Wrong,
    },
    /// Bytes behind the last field.
    #[error("a {kind} frame with {extra} bytes behind its last field")]
    Trailing {
        /// The kind of the frame.
        kind: FrameKind,
        /// How many bytes.
        extra: usize,
    },
    /// JSON that is none, or not of the right shape.
    #[error("a {kind} frame that cannot be read: {why}")]
    BadJson {
        /// The kind of the frame.
        kind: FrameKind,
        /// The reader's words.
        why: String,
    },
    /// The pieces of one message are more than was agreed.
    #[error("a message of more than {most} bytes, in parts")]
    MessageTooLarge {
        /// The limit, in bytes.
        most: usize,
    },
    /// More messages are begun in parts than calls may be open.
    #[error("more than {most} messages begun in parts")]
    TooManyParts {
        /// The limit.
        most: usize,
    },
    /// A frame that is well formed, but not allowed now.
    #[error("a {kind} frame out of place: {why}")]
    Unexpected {
        /// The kind of the frame.
        kind: FrameKind,
        /// What would be right.
        why: &'static str,
    },
    /// Too much of something that costs the sender little.
    #[error("too many {kind} frames: {why}")]
    Flood {
        /// The kind of the frames.
        kind: FrameKind,
        /// The limit that was passed.
        why: &'static str,
    },
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// The frame ends within it.
    #[error("is cut off by the frame's end")]
    Cut,
    /// A number that would fit fewer bytes.
    #[error("takes more bytes than the number needs")]
    Overlong,
    /// A number of more than 64 bits.
    #[error("is above 64 bits")]
    Overflow,
    /// A number that means nothing here.
    #[error("is out of range: {0}")]
    OutOfRange(u64),
    /// Bytes that should be text.
    #[error("is not UTF-8")]
    NotText,
    /// Longer than its bound, or empty where it must not be.
    #[error("has {length} bytes instead of 1 to {most}")]
    Length {
        /// Its length, in bytes.
        length: u64,
        /// The bound, in bytes.
        most: usize,
    },
    /// Flags of a later version: what they would add cannot be skipped.
    #[error("have bits that this version does not know: {0:#04x}")]
    UnknownBits(u8),
    /// A call id that no session gives: the sequence is 0, or answered already.
    #[error("is none: sequences begin at 1, and what is answered is below")]
    NoCallId,
}

/// Why a peer hangs up, in one byte for programs; the words beside it are for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByeCode {
    /// 1: bytes that are no frames, or a frame that cannot be read.
    Malformed,
    /// 2: more bytes than were agreed.
    TooLarge,
    /// 3: a frame at the wrong time: a second hello, a reply to nothing.
    Unexpected,
    /// 4: the hello is refused: another version, another cluster.
    Refused,
    /// 5: too many frames that cost their sender little.
    Flood,
    /// 6: nothing was heard, or nothing was read, for too long.
    Silent,
    /// 7: nothing is wrong: all that was open is answered, and the sender leaves.
    Done,
    /// Of a later version.
    Other(u8),
}

impl ByeCode {
    /// Its number on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::Malformed => 1,
            Self::TooLarge => 2,
            Self::Unexpected => 3,
            Self::Refused => 4,
            Self::Flood => 5,
            Self::Silent => 6,
            Self::Done => 7,
            Self::Other(number) => number,
        }
    }
}

impl From<u8> for ByeCode {
    fn from(number: u8) -> Self {
        match number {
            1 => Self::Malformed,
            2 => Self::TooLarge,
            3 => Self::Unexpected,
            4 => Self::Refused,
            5 => Self::Flood,
            6 => Self::Silent,
            7 => Self::Done,
            number => Self::Other(number),
        }
    }
}

impl Fault {
    /// What to say in the bye that ends the connection.
    pub fn code(&self) -> ByeCode {
        match self {
            Self::Foreign(_)
            | Self::Empty
            | Self::UnknownKind(_)
            | Self::Field { .. }
            | Self::Trailing { .. }
            | Self::BadJson { .. } => ByeCode::Malformed,
            Self::TooLong { .. } | Self::MessageTooLarge { .. } => ByeCode::TooLarge,
            Self::Unexpected { .. } => ByeCode::Unexpected,
            Self::TooManyParts { .. } | Self::Flood { .. } => ByeCode::Flood,
        }
    }
}

fn named(kind: &Option<FrameKind>) -> String {
    kind.map_or_else(|| "frame".to_owned(), |kind| format!("{kind} frame"))
}
