//! The records of one slot, and which of their answers can be dropped for want of room.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};

use foldhash::fast::RandomState;
use tokio::sync::oneshot;

use super::copy::{Copying, Staged};
use super::print::Print;
use super::{Ended, MAX_BYTES, MAX_RECORDS};
use crate::call::Outcome;
use crate::error::{Kind, RpcError};
use crate::limits::MAX_MESSAGE;
use crate::service::Compact;
use crate::slot::Slot;

/// What a record costs besides its answer, in bytes: its places in three maps.
pub(super) const RECORD_SIZE: usize = 256;

/// Largest answer that is never dropped, in bytes: the mark in its place would save little.
pub(super) const SMALL_ANSWER: usize = 512;

// A slot's window never refuses a call for want of bytes: what must stay always fits.
const _: () = assert!(MAX_RECORDS * (RECORD_SIZE + SMALL_ANSWER) <= MAX_BYTES);

/// Session and sequence.
pub(super) type Key = (u64, u64);

/// The records of every slot that has any, or is being copied.
pub(super) struct BySlot {
    slots: Box<[Option<Box<Records>>]>,
    /// Of slots that have none any more, with their memory: a call's record is mostly the only one of its slot, and goes with the next call.
    #[allow(clippy::vec_box, reason = "they move between here and the slots' places, which hold boxes")]
    spare: Vec<Box<Records>>,
}

/// Records without a slot whose memory is kept.
const MOST_SPARE: usize = 64;

/// Places beyond this are not kept for the next slot.
const SPARE_PLACES: usize = 64;

impl BySlot {
    pub(super) fn new() -> Self {
        Self { slots: (0..Slot::COUNT).map(|_| None).collect(), spare: Vec::new() }
    }

    #[inline]
    pub(super) fn get(&self, slot: Slot) -> Option<&Records> {
        self.slots[slot.index()].as_deref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Records> {
        self.slots[slot.index()].as_deref_mut()
    }

    pub(super) fn get_or_begin(&mut self, slot: Slot) -> &mut Records {
        self.slots[slot.index()].get_or_insert_with(|| self.spare.pop().unwrap_or_default())
    }

    /// Gives back what holds nothing any more.
    pub(super) fn tidy(&mut self, slot: Slot) {
        let place = &mut self.slots[slot.index()];
        if place.as_ref().is_some_and(|records| records.is_idle())
            && let Some(records) = place.take()
            && self.spare.len() < MOST_SPARE
            && records.by_call.capacity() <= SPARE_PLACES
        {
            self.spare.push(records);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.slots.iter().flatten().count()
    }
}

/// Longest answer that is written as JSON for a copy or for a caller of another build, in bytes: four of the longest that are sent as JSON by
/// default.
const MOST_AS_JSON: usize = 4 * MAX_MESSAGE;

/// The records of one slot.
#[derive(Default)]
pub(super) struct Records {
    pub(super) by_call: HashMap<Key, Record, RandomState>,
    pub(super) bytes: usize,
    /// The calls with answers that can be dropped, by age: the same numbers as in the table's list.
    pub(super) large: BTreeMap<u64, Key>,
    pub(super) copying: Option<Copying>,
    pub(super) staged: Option<Staged>,
}

/// What is kept of one call.
pub(super) struct Record {
    /// What call it was; unknown if another build has sent it.
    pub(super) print: Option<Print>,
    /// How its answer is written as JSON, should that be in the compact codec.
    pub(super) compact: Option<&'static Compact>,
    pub(super) stage: Stage,
}

/// How far a call has come.
pub(super) enum Stage {
    /// It runs; and the duplicates that wait for it.
    Running(Vec<oneshot::Sender<Ended>>),
    /// It has ended; the number is its age, if its answer can be dropped.
    Done(Ended, Option<u64>),
    /// It has ended, and its answer was dropped.
    Dropped,
}

impl Records {
    pub(super) fn is_idle(&self) -> bool {
        self.by_call.is_empty() && self.copying.is_none() && self.staged.is_none()
    }
}

impl Record {
    /// What the call answered, for those who ask again; `None` while it runs.
    pub(super) fn ended(&self) -> Option<Ended> {
        match &self.stage {
            Stage::Running(_) => None,
            Stage::Done(ended, _) => Some(ended.clone()),
            Stage::Dropped => Some(Err(answer_dropped())),
        }
    }

    /// As [`ended`](Self::ended), in the codec that every build reads. What has no JSON is answered as if it had been dropped: that the call ran goes
    /// along. Types are the user's, and may panic as they are read.
    pub(super) fn ended_as_json(&self) -> Option<Ended> {
        let (ended, compact) = (self.ended()?, self.compact);
        Some(match ended {
            Ok(outcome) if outcome.is_compact() => {
                let as_json = catch_unwind(AssertUnwindSafe(|| outcome.into_json(compact)));
                let as_json = as_json.ok().and_then(Result::ok).map_or_else(|| Err(answer_dropped()), Ok);
                // Names can make it many times as large, and it must fit into a piece of a copy.
                if size_of_answer(&as_json) <= MOST_AS_JSON { as_json } else { Err(answer_dropped()) }
            }
            ended => ended,
        })
    }

    pub(super) fn is_done(&self) -> bool {
        !matches!(self.stage, Stage::Running(_))
    }

    /// What it costs, in bytes.
    pub(super) fn size(&self) -> usize {
        match &self.stage {
            Stage::Running(_) | Stage::Dropped => RECORD_SIZE,
            Stage::Done(ended, _) => RECORD_SIZE + size_of_answer(ended),
        }
    }
}

/// What is answered for a call whose answer was dropped.
fn answer_dropped() -> RpcError {
    let message = "the call ran to its end, and its answer was dropped to make room before anybody asked for it again";
    RpcError::new(Kind::AnswerDropped, message)
}

pub(super) fn size_of_answer(ended: &Ended) -> usize {
    match ended {
        Ok(Outcome::Value(value)) => value.len(),
        Ok(Outcome::Failure { message, data }) => message.len() + data.len(),
        // Calls that open streams are not recorded.
        Ok(Outcome::Stream(_)) => 0,
        Err(error) => error.message().len(),
    }
}
