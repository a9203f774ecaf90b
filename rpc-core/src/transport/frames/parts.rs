//! Messages that are too long for one frame: cut into parts, and put together again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::body;
use super::number::{self, MAX_NUMBER};
use super::{Fault, FrameKind, PART};

/// What a part is a piece of. Both ends of a connection number their own calls: a call's arguments and an answer may go the same way under
/// the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Of {
    /// The arguments of a call of the sender's.
    Call = 0,
    /// The answer to a call of the receiver's.
    Answer = 1,
    /// An item of a stream that the receiver asked for.
    Item = 2,
}

impl Of {
    pub(super) fn numbered(number: u8) -> Option<Self> {
        [Self::Call, Self::Answer, Self::Item].get(usize::from(number)).copied()
    }
}

/// Cuts a payload: what goes ahead in part frames, and what the frame of the message itself carries, which is all of it unless it is longer
/// than [`PART`].
pub fn in_parts(payload: &[u8]) -> (std::slice::Chunks<'_, u8>, &[u8]) {
    let last = payload.len().saturating_sub(1) / PART * PART;
    let (ahead, last) = payload.split_at(last);
    (ahead.chunks(PART), last)
}

/// Appends a part; `bytes` are 1 to [`PART`].
pub fn write_part(out: &mut Vec<u8>, request: u64, of: Of, bytes: &[u8]) {
    debug_assert!((1..=PART).contains(&bytes.len()), "a part of {} bytes, which no reader takes", bytes.len());
    body::write(out, FrameKind::Part, MAX_NUMBER + 1 + bytes.len(), |out| {
        number::put(out, request);
        out.push(of as u8);
        out.extend_from_slice(bytes);
    });
}

/// The messages of one direction of a connection of which parts have come, but not the end. What it holds is at most `max_open` messages of
/// `max_message` bytes, and one item of each stream that has begun: what an end has asked for itself, or counts where it begins to take it.
#[derive(Debug)]
pub struct Parts {
    open: HashMap<(Of, u64), Vec<u8>>,
    max_message: usize,
    max_open: usize,
}

impl Parts {
    /// None yet. `max_message` is the longest message taken, in bytes; `max_open` how many may be under way at once beside the items of streams.
    pub fn new(max_message: usize, max_open: usize) -> Self {
        Self { open: HashMap::new(), max_message, max_open }
    }

    /// How many bytes have come of messages that are not whole.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.open.values().map(Vec::len).sum()
    }

    /// Takes a part. Whether the message may have any is for the connection to know.
    ///
    /// # Errors
    /// The message is longer than was agreed, or too many are under way.
    pub fn add(&mut self, of: Of, request: u64, bytes: &[u8]) -> Result<(), Fault> {
        let is_full = || self.open.keys().filter(|(of, _)| *of != Of::Item).count() >= self.max_open;
        if of != Of::Item && !self.open.contains_key(&(of, request)) && is_full() {
            return Err(Fault::TooManyParts { most: self.max_open });
        }
        let begun = match self.open.entry((of, request)) {
            Entry::Occupied(begun) => begun.into_mut(),
            Entry::Vacant(new) => new.insert(Vec::new()),
        };
        append(begun, bytes, self.max_message)
    }

    /// The whole payload of a message whose own frame carries `last`; `None` if it had no parts, so that `last` is all of it.
    ///
    /// # Errors
    /// The message is longer than was agreed.
    pub fn finish(&mut self, of: Of, request: u64, last: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        // Mostly nothing is under way at all.
        if self.open.is_empty() {
            return whole(last, self.max_message);
        }
        let Some(mut begun) = self.open.remove(&(of, request)) else { return whole(last, self.max_message) };
        append(&mut begun, last, self.max_message)?;
        Ok(Some(begun))
    }

    /// Forgets what has come of a message that will have no end: its call was taken back, or its answer became an error.
    pub fn discard(&mut self, of: Of, request: u64) {
        self.open.remove(&(of, request));
    }
}

fn whole(last: &[u8], most: usize) -> Result<Option<Vec<u8>>, Fault> {
    if last.len() > most { Err(Fault::MessageTooLarge { most }) } else { Ok(None) }
}

fn append(begun: &mut Vec<u8>, bytes: &[u8], most: usize) -> Result<(), Fault> {
    if bytes.len() > most - begun.len() {
        return Err(Fault::MessageTooLarge { most });
    }
    begun.extend_from_slice(bytes);
    Ok(())
}
