//! The bytes that two ends of a connection exchange once it is no longer HTTP: frames, as pure functions over buffers. PROTOCOL.md
//! ("Frames") describes each byte.
//!
//! Nothing in here reads a socket, keeps time, or knows which calls are open. Writing appends to a buffer of the caller's, reading borrows
//! from one: [`next`] says what stands at its beginning. What depends on earlier frames is the connection's affair, but for the pieces
//! of large messages, which [`Parts`] puts together within their bounds.

mod body;
mod call;
mod fault;
mod frame;
mod hello;
mod kind;
mod notes;
mod number;
mod parts;
mod read;
mod runs;
mod streams;
#[cfg(test)]
mod tests;
mod write;

pub use self::call::{CallFrame, PathText, Unsendable};
pub use self::fault::{ByeCode, Fault, Wrong};
pub use self::frame::Frame;
pub use self::hello::{Agreed, Hello, MAX_OPEN, Refusal};
pub use self::kind::FrameKind;
pub use self::notes::{GoAway, write_bye, write_error, write_go_away, write_hello};
pub use self::parts::{Of, Parts, in_parts, write_part};
pub use self::read::{Next, next, read_failure, whole};
pub use self::runs::Runs;
pub use self::streams::{
    FIRST_CREDIT, ITEM_COST, MAX_CREDIT, cost, write_stream_begin, write_stream_end, write_stream_item, write_window,
};
pub use self::write::{
    failure_payload, write_cancel, write_failure, write_failure_end, write_ping, write_pong, write_reply,
};

use crate::call::path::MAX_PATH_TEXT;
use crate::slot::Slot;

/// What a client names in `Upgrade` to leave HTTP for frames.
pub const UPGRADE: &str = "wherever-frames";

/// The version of the frames, in the hello. Ends of different versions go on over `POST`.
pub const VERSION: u32 = 1;

/// Bytes of the length in front of each frame.
pub const LENGTH_BYTES: usize = 4;

/// Most bytes of a message in one frame: longer messages are sent in several, between which frames of other calls find their place. At 1 GB/s
/// this is 66 µs, which is what a small reply waits for a large one at most.
pub const PART: usize = 64 << 10;

/// Longest name of a method, in bytes: as long as one in a call's path may be.
pub const MAX_METHOD: usize = 1024;

/// Longest `traceparent`, in bytes: version 00 has 55, and later ones may have more. Longer ones are not handed on.
pub const MAX_TRACE: usize = 256;

/// Longest hello or go-away, in bytes: ids, limits and a sentence, and room for members of later versions. A stranger may send so much.
pub const MAX_NOTE: usize = 4 << 10;

/// Longest reason of a bye, in bytes: that of any error's text.
pub const MAX_REASON: usize = crate::error::text::MAX_ERROR_TEXT;

/// Most runs that a reply covers: one for each slot.
pub const MAX_RUNS: usize = Slot::COUNT as usize;

/// What a frame holds besides a part of a message, in bytes: the runs of a reply that covers every slot singly (two numbers of 2 bytes, one of
/// 10), which is more than a call's longest path and names.
const MAX_HEAD: usize = MAX_RUNS * 14 + (8 << 10);

/// Longest frame that anybody has to send, in bytes, without its length; the least that a reader may take.
pub const MAX_FRAME: usize = PART + MAX_HEAD;

const _: () = assert!(MAX_PATH_TEXT + MAX_METHOD + MAX_TRACE + 128 <= MAX_HEAD, "a call's head must fit as well");
const _: () = assert!(MAX_REASON < MAX_NOTE / 2, "a reason fits a note, even if every byte of it is escaped");
