//! Planned moves: the hand-over of some slots of one bucket from a live source to a live target, without a call lost or run twice.
//!
//! What decides is never a message between the two, but one record and one bucket, each changed by compare-and-set only:
//!
//! ```text
//!            plan                 commit (target)          activate (target)         clean up
//!  Stable ─────────► Moving, Copy ──────────────► Committed ─────────────────► Active ─────────► gone
//!                        │ abort (anyone)             │ fail over (controller): back to the source, record gone
//!                        └──────────► Aborted ──► gone
//! ```
//!
//! Three rules keep the promise; the model in `models/` breaks each of them and finds what follows.
//! - The source, once sealed, unseals only after *reading* that the move was aborted. A timer only makes it ask for the abort.
//! - The target throws its copy away only after reading that the move did not come about: its own commit may still be under way.
//! - The target serves only after the move is known to be Active, since until then a failover gives the slots back to the source's
//!   sealed copy. What the target had served before would be lost, and run again.

mod source;
mod target;
mod transactions;

pub use source::{Dropped, Source, SourceAction, SourceEnd, SourceEvent, SourceState};
pub use target::{Target, TargetAction, TargetEvent, TargetState, totals_hold};
pub use transactions::{abort, abort_for, activate, clean_up, commit, plan, plan_again, settle_strays, settled_bucket};

use std::time::Duration;

use super::mirror::{Mirror, Seen};
use super::records::{Bucket, Incarnation, Move, Phase, Standing, bucket_key, move_key, read};
use crate::coordinator::{Revision, Txn, TxnOutcome};
use crate::slot::Slot;

/// Longest wait for running calls to end in sealed slots: every caller of those slots waits as long.
pub const DRAIN: Duration = Duration::from_secs(1);

/// Longest time from sealing to the commit, the drain included, before the source asks for an abort: callers wait all that time,
/// and a target that has not committed by then is not about to.
pub const SEALED: Duration = Duration::from_secs(3);

/// Longest time for a whole move. A slot's copy takes milliseconds; one that takes longer than this makes no progress.
pub const MOVE: Duration = Duration::from_secs(30);

/// How often an abort whose outcome has not been read is asked for again.
pub const ABORT_AGAIN: Duration = Duration::from_millis(500);

/// Entries still to be pulled at which the target asks for the seal: they take well below a millisecond.
pub const NEAR: u64 = 128;

/// Which move.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MoveName {
    /// The group.
    pub group: String,
    /// The move's id, never used twice in its group.
    pub id: String,
    /// The bucket of its slots.
    pub bucket: u16,
}

impl MoveName {
    /// The key of its record.
    pub fn key(&self) -> String {
        move_key(&self.group, &self.id)
    }

    /// The key of its bucket.
    pub fn bucket_key(&self) -> String {
        bucket_key(&self.group, self.bucket)
    }
}

/// What was read of a move at one revision: its record and its bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Observation {
    /// The revision at which this was the whole truth.
    pub revision: Revision,
    /// The move's record, if it exists and can be read.
    pub planned: Option<Seen<Move>>,
    /// The bucket of its slots, if it exists and can be read.
    pub bucket: Option<Seen<Bucket>>,
}

/// What the record says of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Nothing is decided.
    Copy,
    /// The slots are the target's, which does not serve them yet.
    Committed,
    /// The target serves.
    Active,
    /// The slots stay with the source.
    Aborted,
    /// There is no record: the move is over, and the bucket says how it ended.
    Gone,
}

impl Observation {
    /// The transaction that only reads what an observation is made of.
    pub fn query(name: &MoveName) -> Txn {
        Txn { reads: vec![name.key(), name.bucket_key()], ..Txn::default() }
    }

    /// The observation in the outcome of a [`query`](Self::query), or of any transaction of this module, read at `now`.
    pub fn of(name: &MoveName, outcome: &TxnOutcome, now: Duration) -> Self {
        let entry = |key: &str| outcome.reads.iter().find(|entry| entry.key == key);
        let (move_key, bucket_key) = (name.key(), name.bucket_key());
        let planned = entry(&move_key).and_then(|entry| {
            let record: Move = read(&entry.value).ok().filter(|record: &Move| record.check().is_ok())?;
            Some(Seen { record, revision: entry.revision, at: now })
        });
        let bucket = entry(&bucket_key).and_then(|entry| {
            let record: Bucket = read(&entry.value).ok().filter(|record: &Bucket| record.check(name.bucket).is_ok())?;
            Some(Seen { record, revision: entry.revision, at: now })
        });
        Self { revision: outcome.revision, planned, bucket }
    }

    /// The observation that the mirror holds.
    pub fn mirrored(name: &MoveName, mirror: &Mirror) -> Self {
        Self {
            revision: mirror.revision(),
            planned: mirror.one_move(&name.group, &name.id).cloned(),
            bucket: mirror.bucket(&name.group, name.bucket).cloned(),
        }
    }

    /// What the record says.
    pub fn verdict(&self) -> Verdict {
        match self.planned.as_ref().map(|seen| seen.record.phase) {
            Some(Phase::Copy) => Verdict::Copy,
            Some(Phase::Committed) => Verdict::Committed,
            Some(Phase::Active) => Verdict::Active,
            Some(Phase::Aborted) => Verdict::Aborted,
            None => Verdict::Gone,
        }
    }

    /// Whether `slot` is held by `incarnation` in exactly this epoch.
    fn is_held(&self, slot: Slot, incarnation: Incarnation, epoch: u64) -> bool {
        let holding = self.bucket.as_ref().and_then(|seen| seen.record.holding(slot));
        holding.is_some_and(|holding| holding.incarnation == incarnation && holding.epoch == epoch)
    }

    /// Whether `slot` is held by `incarnation` in exactly this epoch, and not as something to be loaded anew.
    fn is_served(&self, slot: Slot, incarnation: Incarnation, epoch: u64) -> bool {
        let holding = self.bucket.as_ref().and_then(|seen| seen.record.holding(slot));
        let is_new = holding.is_some_and(|holding| matches!(holding.state, Standing::Recovering { .. }));
        self.is_held(slot, incarnation, epoch) && !is_new
    }

    /// Whether `slot` was given back to `incarnation`, to serve again from the copy it sealed in this epoch.
    fn is_given_back(&self, slot: Slot, incarnation: Incarnation, epoch: u64) -> bool {
        let holding = self.bucket.as_ref().and_then(|seen| seen.record.holding(slot));
        holding.is_some_and(|holding| {
            let from_copy = matches!(holding.state, Standing::Recovering { kept: Some(kept), .. } if kept == epoch);
            holding.incarnation == incarnation && from_copy
        })
    }
}

#[cfg(test)]
pub(super) mod fixtures {
    //! A move of slots 1 and 2 from a to b, as both sides read it.

    use super::super::records::{Holding, Party};
    use super::*;

    pub(crate) const A: Incarnation = Incarnation(0xa);
    pub(crate) const B: Incarnation = Incarnation(0xb);

    pub(crate) fn party(node: &str, incarnation: Incarnation) -> Party {
        Party { node: node.into(), incarnation }
    }

    pub(crate) fn slot(number: u16) -> Slot {
        Slot::new(number).expect("a slot")
    }

    pub(crate) fn name() -> MoveName {
        MoveName { group: "g".into(), id: "1".into(), bucket: 0 }
    }

    pub(crate) fn record(phase: Phase) -> Move {
        Move { phase, ..Move::new(&[slot(1), slot(2)], &party("a", A), &party("b", B)) }
    }

    pub(crate) fn holding(node: &str, incarnation: Incarnation, epoch: u64, state: Standing) -> Holding {
        Holding { node: node.into(), incarnation, epoch, state }
    }

    pub(crate) fn moving() -> Holding {
        holding("a", A, 3, Standing::Moving { mig: "1".into() })
    }

    pub(crate) fn observed(revision: Revision, phase: Option<Phase>, of_slots: &Holding) -> Observation {
        let at = Duration::ZERO;
        let bucket = Bucket::of((0..4).map(|n| match n {
            1 | 2 => (slot(n), of_slots.clone()),
            _ => (slot(n), holding("a", A, 3, Standing::Stable)),
        }));
        Observation {
            revision,
            planned: phase.map(|phase| Seen { record: record(phase), revision, at }),
            bucket: Some(Seen { record: bucket, revision, at }),
        }
    }
}
