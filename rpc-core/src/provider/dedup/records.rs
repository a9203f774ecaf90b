//! The records of one slot, and which of their answers can be dropped for want of room.

use std::collections::{BTreeMap, HashMap};

use tokio::sync::oneshot;

use super::copy::{Copying, Staged};
use super::print::Print;
use super::{Ended, MAX_BYTES, MAX_RECORDS};
use crate::call::Outcome;
use crate::error::{Kind, RpcError};

/// What a record costs besides its answer, in bytes: its places in three maps.
pub(super) const RECORD_SIZE: usize = 256;

/// Largest answer that is never dropped, in bytes: the mark in its place would save little.
pub(super) const SMALL_ANSWER: usize = 512;

// A slot's window never refuses a call for want of bytes: what must stay always fits.
const _: () = assert!(MAX_RECORDS * (RECORD_SIZE + SMALL_ANSWER) <= MAX_BYTES);

/// Session and sequence.
pub(super) type Key = (u64, u64);

/// The records of one slot.
#[derive(Default)]
pub(super) struct Records {
    pub(super) by_call: HashMap<Key, Record>,
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
        Err(error) => error.message().len(),
    }
}
