//! Who comes after owners that cannot execute any more, as one transaction a bucket.

use std::collections::BTreeSet;

use super::super::mirror::{Mirror, Seen};
use super::super::moves::settled_bucket;
use super::super::records::{
    Bucket, Holding, Incarnation, LEADER, Move, Party, Phase, Standing, bucket_key, fence_key, move_key, write,
};
use super::assignment::is_alive;
use crate::coordinator::{Compare, Op, Revision, Txn};
use crate::limits::EPOCHS;
use crate::slot::Slot;

/// Owners that one transaction compares as fenced, and heirs as not fenced: below the 128 operations that etcd takes. Those beyond
/// it need no comparison to be safe: a fence is never taken back, and an heir that is fenced is failed over in its turn.
const FENCES_COMPARED: usize = 48;

/// Who comes after the silenced owners of one bucket.
#[derive(Clone, Copy, Debug)]
pub struct Succession<'a> {
    /// The records.
    pub mirror: &'a Mirror,
    /// The leader's term.
    pub term: Revision,
    /// The group.
    pub group: &'a str,
    /// The bucket's number.
    pub number: u16,
    /// The bucket, as the mirror shows it.
    pub bucket: &'a Seen<Bucket>,
}

impl Succession<'_> {
    /// The transaction that gives the slots of `silenced` owners to others, and how many get one; `None` if there is none. The
    /// source of a move whose target has never served comes first, since it still holds its sealed copy; then `heir`. What ends
    /// with the silenced, such as their moves, ends in the same step.
    ///
    /// Only for owners that cannot execute any more: see [`silent_from`](super::silent_from).
    pub fn txn(&self, silenced: &BTreeSet<Incarnation>, heir: impl Fn(Slot) -> Option<Party>) -> Option<(Txn, usize)> {
        let is_theirs = |(slot, holding): (Slot, &Holding)| silenced.contains(&holding.incarnation).then_some(slot);
        let slots: Vec<Slot> = self.bucket.record.slots().filter_map(is_theirs).collect();
        let moves: Vec<(&str, &Seen<Move>)> = self.moves(silenced).collect();
        let mut next = self.bucket.record.clone();
        let mut ops = Vec::new();
        for (id, planned) in &moves {
            let key = move_key(self.group, id);
            if planned.record.phase == Phase::Copy {
                next = settled_bucket(&next, id, &planned.record.slots);
                let record = Move { phase: Phase::Aborted, ..planned.record.clone() };
                ops.push(Op::Put { key, value: write(&record), lease: None });
            } else {
                // Committed, and its target has never served: from now on it never will.
                ops.push(Op::Delete(key));
            }
        }
        let mut owners = BTreeSet::new();
        let mut count = 0;
        next = next.with(&slots, |slot, holding| {
            let holding = holding?;
            let next_of = self.back_to_source(slot, holding, &moves).or_else(|| Some((heir(slot)?, None)));
            let next = next_of.filter(|_| holding.epoch + 1 < EPOCHS).map(|(owner, kept)| {
                let state = Standing::Recovering { lost: Some(holding.node.clone()), kept };
                Holding { node: owner.node, incarnation: owner.incarnation, epoch: holding.epoch + 1, state }
            });
            Some(next.unwrap_or_else(|| holding.clone()))
        });
        for (slot, holding) in next.slots() {
            if self.bucket.record.holding(slot).is_some_and(|before| before.incarnation != holding.incarnation) {
                owners.insert(holding.incarnation);
                count += 1;
            }
        }
        if count == 0 {
            return None;
        }
        let key = bucket_key(self.group, self.number);
        ops.push(Op::Put { key: key.clone(), value: write(&next), lease: None });
        let mut compares =
            vec![Compare::Unchanged(LEADER.to_owned(), self.term), Compare::Unchanged(key, self.bucket.revision)];
        let unchanged = |(id, seen): &(&str, &Seen<Move>)| Compare::Unchanged(move_key(self.group, id), seen.revision);
        compares.extend(moves.iter().map(unchanged));
        compares.extend(
            self.owners_of(&slots).into_iter().take(FENCES_COMPARED).map(|gone| Compare::Present(fence_key(gone))),
        );
        compares.extend(owners.into_iter().take(FENCES_COMPARED).map(|owner| Compare::Absent(fence_key(owner))));
        Some((Txn { compares, ops, reads: Vec::new() }, count))
    }

    fn owners_of(&self, slots: &[Slot]) -> BTreeSet<Incarnation> {
        slots.iter().filter_map(|slot| self.bucket.record.holding(*slot)).map(|h| h.incarnation).collect()
    }

    /// The moves in this bucket that end with the silenced: those they were the source of, and those they had committed to
    /// themselves without having served.
    fn moves(&self, silenced: &BTreeSet<Incarnation>) -> impl Iterator<Item = (&str, &Seen<Move>)> {
        let ends = |planned: &Move| match planned.phase {
            Phase::Copy => silenced.contains(&planned.from.incarnation),
            Phase::Committed => silenced.contains(&planned.to.incarnation),
            Phase::Active | Phase::Aborted => false,
        };
        let here = self.mirror.moves();
        here.filter(move |(group, _, seen)| {
            *group == self.group && seen.record.bucket() == self.number && ends(&seen.record)
        })
        .map(|(_, id, seen)| (id, seen))
    }

    /// The source of a move whose target never served still holds its sealed copy, if it is alive: nothing is lost.
    fn back_to_source(
        &self,
        slot: Slot,
        holding: &Holding,
        moves: &[(&str, &Seen<Move>)],
    ) -> Option<(Party, Option<u64>)> {
        let (_, planned) = moves.iter().find(|(_, seen)| {
            let planned = &seen.record;
            planned.phase == Phase::Committed
                && planned.to.incarnation == holding.incarnation
                && planned.slots.contains(&slot)
        })?;
        let is_untouched = holding.state == Standing::Stable && is_alive(self.mirror, &planned.record.from);
        is_untouched.then(|| (planned.record.from.clone(), Some(holding.epoch - 1)))
    }
}
