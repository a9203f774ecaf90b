//! The source's side of a copy: what goes into the next answer, and the last one in case it was lost.

use std::sync::Arc;

use bytes::Bytes;
use rpc_core::cluster::hand_over::{Answer, Head, MAX_PIECES, PieceHead, Total};
use rpc_core::cluster::records::Failure;
use rpc_core::slot::Slot;
use rpc_core::state::{SlotState, StateError};
use tokio::runtime::{Handle, RuntimeFlavor};

/// Largest piece that is asked of a state at once, in bytes: what a state encodes between two calls takes well under a millisecond.
const MAX_PIECE: usize = 64 << 10;

/// A state by its name.
pub(super) type Named = (String, Arc<dyn SlotState>);

/// Runs a piece of copying where it may wait for a disk, if one of `states` says that it does. Otherwise, and on a runtime of one
/// thread, which has nobody to go on in its place, it simply runs.
pub(super) fn where_waiting_is_allowed<T>(states: &[Named], copying: impl FnOnce() -> T) -> T {
    let waits = states.iter().any(|(_, state)| state.waits());
    if waits && Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread {
        tokio::task::block_in_place(copying)
    } else {
        copying()
    }
}

/// A copy of some slots, of all states of their group, that is being sent. Dropping it ends the copy, but not the slots' service.
pub(super) struct Sending {
    states: Vec<Named>,
    slots: Vec<Slot>,
    // The place, in states times slots, that is pulled next.
    next: usize,
    last: Option<Answer>,
}

/// The target asked for an answer that is neither the last nor the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("answer {asked} was asked for, after answer {last}")]
pub(super) struct OutOfTurn {
    asked: u64,
    last: u64,
}

impl Sending {
    /// Begins to copy `slots` of `states`.
    ///
    /// # Errors
    /// Which slot cannot be copied, and why.
    pub(super) fn begin(states: Vec<Named>, slots: Vec<Slot>) -> Result<Self, Failure> {
        let sending = Self { states, slots, next: 0, last: None };
        sending
            .places()
            .try_for_each(|(_, state, slot)| state.begin_copy(slot).map_err(|error| failed(slot, &error)))?;
        Ok(sending)
    }

    /// The answer of this number: the last one again, or the next.
    ///
    /// # Errors
    /// As for [`begin`](Self::begin).
    pub(super) fn answer(&mut self, number: u64, is_sealed: bool) -> Result<Result<Answer, OutOfTurn>, Failure> {
        let last = self.last.as_ref().map_or(0, |answer| answer.head.number);
        if number == last
            && let Some(answer) = &self.last
        {
            return Ok(Ok(answer.clone()));
        }
        if number != last + 1 {
            return Ok(Err(OutOfTurn { asked: number, last }));
        }
        let answer = self.pull(number, is_sealed)?;
        self.last = Some(answer.clone());
        Ok(Ok(answer))
    }

    fn pull(&mut self, number: u64, is_sealed: bool) -> Result<Answer, Failure> {
        let count = self.states.len() * self.slots.len();
        let mut pieces: Vec<(PieceHead, Bytes)> = Vec::new();
        let (mut size, mut quiet, mut pending) = (0, 0, 0);
        // Once around all places without a piece, or an answer's worth of them.
        while quiet < count && size < MAX_PIECES {
            let (name, state, slot) = self.place(self.next);
            let pulled = state.pull(slot, MAX_PIECE).map_err(|error| failed(slot, &error))?;
            if pulled.piece.is_empty() {
                quiet += 1;
                self.next = (self.next + 1) % count;
                continue;
            }
            // The place is pulled again until it is quiet.
            quiet = 0;
            size += pulled.piece.len();
            pending = pulled.pending;
            pieces.push((PieceHead { state: name.clone(), slot, len: pulled.piece.len() }, pulled.piece));
        }
        let is_over = quiet == count;
        // What is left is known for one place only; that there is more counts.
        let pending = if is_over { 0 } else { pending.max(1) };
        let totals = if is_sealed && is_over { Some(self.totals()?) } else { None };
        let (heads, pieces) = pieces.into_iter().unzip();
        Ok(Answer { head: Head { number, pieces: heads, pending, is_sealed, totals }, pieces })
    }

    fn totals(&self) -> Result<Vec<Total>, Failure> {
        let total = |(name, state, slot): (&String, &Arc<dyn SlotState>, Slot)| {
            let entries = state.entries(slot).map_err(|error| failed(slot, &error))?;
            Ok(Total { state: name.clone(), slot, entries })
        };
        self.places().map(total).collect()
    }

    fn place(&self, index: usize) -> (&String, &Arc<dyn SlotState>, Slot) {
        let (name, state) = &self.states[index / self.slots.len()];
        (name, state, self.slots[index % self.slots.len()])
    }

    fn places(&self) -> impl Iterator<Item = (&String, &Arc<dyn SlotState>, Slot)> {
        (0..self.states.len() * self.slots.len()).map(|index| self.place(index))
    }
}

fn failed(slot: Slot, error: &StateError) -> Failure {
    Failure::new(Some(slot), format!("at its source: {error}"))
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.places().for_each(|(_, state, slot)| state.end_copy(slot));
    }
}
