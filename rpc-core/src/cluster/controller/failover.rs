//! Owners that are gone: fence them, wait until they cannot execute any more, and give their slots to others.
//!
//! Guard rails. After a break in the touch with the coordinator nobody is fenced for one lease and D: all leases may have ended
//! together while everybody is well. And never are more than half of a group's nodes fenced within such a window, unless an operator
//! does it. One of two is no majority, so a cluster of two goes on with one; if the coordinator lives on the other, or cannot
//! be reached from here, no fence can be written in the first place. One of one has nobody to take over.
//!
//! A node that was started anew under its name is another matter: its former incarnation holds no lease any more, because the new
//! one has it. It is fenced at once, and counts as no loss; should both be running by mistake, the fence and the wait after it are
//! what makes that safe.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::authority::Timing;
use super::super::mirror::{Mirror, Seen};
use super::super::moves::settled_bucket;
use super::super::records::{
    Bucket, Fence, FenceReason, Holding, Incarnation, LEADER, Move, Party, Phase, Standing, beat_key, bucket_key,
    fence_key, move_key, node_key, write,
};
use super::assignment::{Group, is_alive};
use super::{Held, Intent, Plan, Sight};
use crate::coordinator::{Compare, Op, Txn};
use crate::limits::EPOCHS;
use crate::node::NodeId;
use crate::slot::Slot;

pub(super) fn plan(timing: &Timing, sight: &Sight<'_>, groups: &[Group], plan: &mut Plan) {
    let mut lost: BTreeMap<Incarnation, NodeId> = BTreeMap::new();
    let mut silenced = BTreeSet::new();
    for (incarnation, node) in groups.iter().flat_map(|group| &group.missing) {
        if sight.mirror.fence(*incarnation).is_none() {
            // An owner that is there but no longer provides the group is no member and yet not lost.
            if !is_alive(sight.mirror, &Party { node: node.clone(), incarnation: *incarnation }) {
                lost.insert(*incarnation, node.clone());
            }
            continue;
        }
        let until = silent_from(timing, sight.mirror, *incarnation, node);
        if until <= sight.now {
            silenced.insert(*incarnation);
        } else {
            plan.wake(until);
        }
    }
    for (incarnation, node) in lost {
        let party = Party { node, incarnation };
        if may_fence(timing, sight, groups, &party, plan) {
            let txn = fence(sight, &party);
            plan.act(Intent::Fence(party), txn);
        }
    }
    for group in groups {
        take_over(sight, group, &silenced, plan);
    }
}

/// From when on a fenced incarnation cannot execute, on this node's clock.
///
/// The mirror shows the fence, and so every beat that was written before it; none is written after. If the last beat is of this
/// incarnation, it had been sent when it was first seen here. Otherwise all that is known is that the fence is there.
pub fn silent_from(timing: &Timing, mirror: &Mirror, incarnation: Incarnation, node: &NodeId) -> Duration {
    let Some(fence) = mirror.fence(incarnation) else { return Duration::MAX };
    if fence.record.reason == FenceReason::Left {
        return fence.at;
    }
    let last = mirror.beat(node).filter(|beat| beat.record.incarnation == incarnation);
    last.map_or(fence.at, |beat| beat.at) + timing.outlasts()
}

/// The transaction that ends an incarnation's authority for ever, and reads its last beat. It is not applied if the node has come
/// back in the meantime.
fn fence(sight: &Sight<'_>, party: &Party) -> Txn {
    let key = node_key(&party.node);
    let is_still_gone = match sight.mirror.nodes().get(&party.node) {
        Some(seen) => Compare::Unchanged(key, seen.revision),
        None => Compare::Absent(key),
    };
    let fence = Fence { node: party.node.clone(), reason: FenceReason::Lost };
    let own = fence_key(party.incarnation);
    Txn {
        compares: vec![Compare::Unchanged(LEADER.to_owned(), sight.term), Compare::Absent(own.clone()), is_still_gone],
        ops: vec![Op::Put { key: own, value: write(&fence), lease: None }],
        reads: vec![beat_key(&party.node)],
    }
}

fn may_fence(timing: &Timing, sight: &Sight<'_>, groups: &[Group], party: &Party, plan: &mut Plan) -> bool {
    // Started anew under the same name: see above.
    if sight.mirror.nodes().contains_key(&party.node) {
        return true;
    }
    let ripe = sight.reachable_since + timing.window();
    if sight.now < ripe {
        plan.wake(ripe);
        plan.hold(Held::JustBack { until: ripe });
        return false;
    }
    let recent = recently_fenced(timing, sight);
    let mut may = true;
    for group in groups.iter().filter(|group| group.missing.contains_key(&party.incarnation)) {
        let is_lost = |(incarnation, node): &(&Incarnation, &NodeId)| {
            sight.mirror.fence(**incarnation).is_none() && !sight.mirror.nodes().contains_key(*node)
        };
        let lost = group.missing.iter().filter(is_lost).count() + recent;
        let of = group.members.len() + lost;
        if lost * 2 > of {
            plan.hold(Held::Majority { group: group.name.clone(), lost, of });
            may = false;
        }
    }
    may
}

/// How many nodes were fenced within the window, other than those that left by themselves or were started anew. All groups count
/// together, since a fence does not say which ones it concerned: rather one too many.
fn recently_fenced(timing: &Timing, sight: &Sight<'_>) -> usize {
    let is_recent = |seen: &Seen<Fence>| {
        let is_back = sight.mirror.nodes().contains_key(&seen.record.node);
        seen.record.reason != FenceReason::Left && !is_back && seen.at + timing.window() > sight.now
    };
    sight.mirror.fences().values().filter(|seen| is_recent(seen)).count()
}

/// Gives the slots of those who cannot execute any more to others, one transaction a bucket.
fn take_over(sight: &Sight<'_>, group: &Group, silenced: &BTreeSet<Incarnation>, plan: &mut Plan) {
    if !group.missing.keys().any(|incarnation| silenced.contains(incarnation)) {
        return;
    }
    let wanted = group.wanted();
    for (number, bucket) in sight.mirror.buckets(&group.name) {
        let is_silenced = |holding: &Holding| silenced.contains(&holding.incarnation);
        let slots: Vec<Slot> =
            bucket.record.slots().filter(|(_, holding)| is_silenced(holding)).map(|(slot, _)| slot).collect();
        if slots.is_empty() {
            continue;
        }
        let after = Succession { sight, group, wanted: wanted.as_deref(), number, bucket };
        match after.txn(&slots, silenced) {
            Some((txn, slots)) => {
                plan.act(Intent::TakeOver { group: group.name.clone(), bucket: number, slots }, txn);
            }
            None => plan.hold(Held::NobodyTakes { group: group.name.clone() }),
        }
    }
}

/// Who comes after the silenced owners of one bucket.
struct Succession<'a> {
    sight: &'a Sight<'a>,
    group: &'a Group,
    wanted: Option<&'a [u16]>,
    number: u16,
    bucket: &'a Seen<Bucket>,
}

impl Succession<'_> {
    fn txn(&self, slots: &[Slot], silenced: &BTreeSet<Incarnation>) -> Option<(Txn, usize)> {
        let moves: Vec<(&str, &Seen<Move>)> = self.moves(silenced).collect();
        let mut next = self.bucket.record.clone();
        let mut ops = Vec::new();
        for (id, planned) in &moves {
            let key = move_key(&self.group.name, id);
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
        next = next.with(slots, |slot, holding| {
            let holding = holding?;
            let heir = self.back_to_source(slot, holding, &moves).or_else(|| self.by_share(slot));
            let heir = heir.filter(|_| holding.epoch + 1 < EPOCHS).map(|(owner, kept)| {
                let state = Standing::Recovering { lost: Some(holding.node.clone()), kept };
                Holding { node: owner.node, incarnation: owner.incarnation, epoch: holding.epoch + 1, state }
            });
            Some(heir.unwrap_or_else(|| holding.clone()))
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
        let key = bucket_key(&self.group.name, self.number);
        ops.push(Op::Put { key: key.clone(), value: write(&next), lease: None });
        let mut compares =
            vec![Compare::Unchanged(LEADER.to_owned(), self.sight.term), Compare::Unchanged(key, self.bucket.revision)];
        let unchanged =
            |(id, seen): &(&str, &Seen<Move>)| Compare::Unchanged(move_key(&self.group.name, id), seen.revision);
        compares.extend(moves.iter().map(unchanged));
        compares.extend(self.owners_of(slots).into_iter().take(24).map(|gone| Compare::Present(fence_key(gone))));
        compares.extend(owners.into_iter().take(64).map(|owner| Compare::Absent(fence_key(owner))));
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
        let here = self.sight.mirror.moves();
        here.filter(move |(group, _, seen)| {
            *group == self.group.name && seen.record.bucket() == self.number && ends(&seen.record)
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
        let is_untouched = holding.state == Standing::Stable && is_alive(self.sight.mirror, &planned.record.from);
        is_untouched.then(|| (planned.record.from.clone(), Some(holding.epoch - 1)))
    }

    fn by_share(&self, slot: Slot) -> Option<(Party, Option<u64>)> {
        let index = self.wanted?.get(slot.index())?;
        Some((self.group.member(*index)?.party(), None))
    }
}
