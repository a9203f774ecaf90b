//! Planned moves: towards the shares that the nodes' weights give them, in small pieces, and only while everybody is there.
//!
//! What begins it: a member without a slot (it has joined), a member of weight 0 with slots (it is drained, or on its way out), or
//! a wish in the records (an operator's, or one that a change of weight or a failover left). Slots that an operator has moved by hand are
//! not moved back by anything else. A member that joins while a wish stands that is content with small differences, as when it
//! crashed and is back at once, makes it one that is not.

use std::collections::{BTreeMap, BTreeSet};

use super::super::mirror::Mirror;
use super::super::moves::{MoveName, plan as plan_move, plan_again};
use super::super::records::{
    Incarnation, LEADER, MAX_MOVE, Phase, REBALANCES, Rebalance, RebalanceReason, Standing, bucket_of, write,
};
use super::super::stuck::{Stuck, StuckSlots};
use super::assignment::Group;
use super::{Held, Intent, Pace, Plan, Sight};
use crate::coordinator::{Compare, Op, Txn};
use crate::slot::Slot;

/// How far, in percent, a node may be from its share before a change of weights moves anything: below that, the move would cost
/// more than the difference.
const HYSTERESIS_PERCENT: u32 = 2;

pub(super) fn plan(pace: &Pace, sight: &Sight<'_>, group: &Group, plan: &mut Plan) {
    if !group.free.is_empty() || group.members.is_empty() {
        return;
    }
    if let Some(node) = group.missing.values().next() {
        plan.hold(Held::OwnerMissing { group: group.name.clone(), node: node.clone() });
        return;
    }
    let Some(wanted) = group.wanted() else {
        plan.hold(Held::NobodyTakes { group: group.name.clone() });
        return;
    };
    let wish = sight.mirror.rebalance(&group.name).map(|seen| (seen.record.reason, seen.revision));
    let surplus = Surplus::of(group, wanted);
    match wish {
        // Slots that cannot be read are nobody's surplus: a member without a slot may have to stay so.
        None if surplus.has_joined && surplus.is_any => begin(sight, group, RebalanceReason::Join, plan),
        Some((RebalanceReason::Weight | RebalanceReason::Failover, revision))
            if surplus.has_joined && surplus.is_any =>
        {
            // Nothing moves before it is written: after the first move nobody could tell that somebody had joined.
            wish_for(sight, group, Compare::Unchanged(rebalance_key(group), revision), RebalanceReason::Join, plan);
            return;
        }
        Some((reason, revision)) if !surplus.is_worth_it(reason) => done(sight, group, revision, plan),
        _ => {}
    }
    let is_wished = wish.is_some_and(|(reason, _)| surplus.is_worth_it(reason));
    let is_due = |from: u16| is_wished || group.member(from).is_some_and(|member| member.weight == 0);
    moves(pace, sight, group, wanted, is_due, plan);
}

/// How a group's slots lie compared with how they should.
struct Surplus {
    /// A member that should have slots has none.
    has_joined: bool,
    /// Some slot should be elsewhere.
    is_any: bool,
    /// Some member has more, or less, than the hysteresis allows.
    is_large: bool,
}

impl Surplus {
    fn of(group: &Group, wanted: &[u16]) -> Self {
        let mut have = vec![0_u32; group.members.len()];
        let mut want = vec![0_u32; group.members.len()];
        for (current, wanted) in group.current.iter().zip(wanted) {
            if let Some(current) = current {
                have[usize::from(*current)] += 1;
            }
            want[usize::from(*wanted)] += 1;
        }
        let pairs = || have.iter().zip(&want);
        Self {
            has_joined: pairs().any(|(have, want)| *have == 0 && *want > 0),
            is_any: pairs().any(|(have, want)| have > want),
            // Too little counts as much as too much: what a large node can spare may be all that a small one has.
            is_large: pairs().any(|(have, want)| have.abs_diff(*want) > (want * HYSTERESIS_PERCENT / 100).max(1)),
        }
    }

    fn is_worth_it(&self, reason: RebalanceReason) -> bool {
        match reason {
            RebalanceReason::Operator | RebalanceReason::Join => self.is_any,
            RebalanceReason::Weight | RebalanceReason::Failover => self.is_large,
        }
    }
}

/// The wish is written down, so that a controller that takes over halfway goes on.
pub(super) fn begin(sight: &Sight<'_>, group: &Group, reason: RebalanceReason, plan: &mut Plan) {
    let key = rebalance_key(group);
    // A wish that cannot be read is nobody's, and would keep others out for good.
    let is_as_seen = match sight.mirror.unreadable(&key) {
        Some(revision) => Compare::Unchanged(key, revision),
        None => Compare::Absent(key),
    };
    wish_for(sight, group, is_as_seen, reason, plan);
}

fn wish_for(sight: &Sight<'_>, group: &Group, is_as_seen: Compare, reason: RebalanceReason, plan: &mut Plan) {
    let put = Op::Put { key: rebalance_key(group), value: write(&Rebalance { reason }), lease: None };
    let txn = Txn {
        compares: vec![Compare::Unchanged(LEADER.to_owned(), sight.term), is_as_seen],
        ops: vec![put],
        reads: Vec::new(),
    };
    plan.act(Intent::Rebalance { group: group.name.clone(), reason }, txn);
}

fn rebalance_key(group: &Group) -> String {
    format!("{REBALANCES}{}", group.name)
}

fn done(sight: &Sight<'_>, group: &Group, revision: u64, plan: &mut Plan) {
    let key = rebalance_key(group);
    let txn = Txn {
        compares: vec![Compare::Unchanged(LEADER.to_owned(), sight.term), Compare::Unchanged(key.clone(), revision)],
        ops: vec![Op::Delete(key)],
        reads: Vec::new(),
    };
    plan.act(Intent::Balanced { group: group.name.clone() }, txn);
}

/// Slots of one bucket that go the same way.
#[derive(Default)]
struct Piece<'a> {
    slots: Vec<Slot>,
    /// The move that has failed for them before.
    failed: Option<Stuck<'a>>,
}

fn moves(pace: &Pace, sight: &Sight<'_>, group: &Group, wanted: &[u16], is_due: impl Fn(u16) -> bool, plan: &mut Plan) {
    let mut pieces: BTreeMap<_, Piece<'_>> = BTreeMap::new();
    let stuck = StuckSlots::of(sight.mirror, &group.name);
    for slot in Slot::all() {
        let (Some(from), to) = (group.current[slot.index()], wanted[slot.index()]) else { continue };
        let is_stable = || sight.mirror.holding(&group.name, slot).is_some_and(|h| h.state == Standing::Stable);
        if from != to && is_due(from) && is_stable() {
            let failed = group.member(to).and_then(|to| stuck.get(slot, to.incarnation));
            let piece = pieces.entry((bucket_of(slot), from, to, failed.map(|failed| failed.id))).or_default();
            piece.slots.push(slot);
            piece.failed = failed;
        }
    }
    let mut busy = parts_taken(sight.mirror);
    let mut written = BTreeSet::new();
    for ((number, from, to, _), Piece { slots, failed }) in pieces {
        let (Some(from), Some(to), Some(bucket)) =
            (group.member(from), group.member(to), sight.mirror.bucket(&group.name, number))
        else {
            continue;
        };
        let is_free = |incarnation| busy.get(&incarnation).is_none_or(|count| *count < pace.moves_per_node);
        let due = failed.map_or_else(|| stuck.rest_due(number, to.incarnation), |failed| failed.due());
        if sight.now < due {
            plan.wake(due);
            continue;
        }
        // A second plan for the bucket would find it changed by the first.
        if !is_free(from.incarnation) || !is_free(to.incarnation) || !written.insert(number) {
            continue;
        }
        let name = MoveName { group: group.name.clone(), id: move_id(sight.mirror.revision(), number), bucket: number };
        let slots = slots[..slots.len().min(MAX_MOVE)].to_vec();
        let (from, to) = (from.party(), to.party());
        let txn = match failed {
            Some(failed) => plan_again(sight.term, &name, bucket, &slots, (failed.id, failed.seen)),
            None => plan_move(Some(sight.term), &name, bucket, &slots, &from, &to),
        };
        if let Some(txn) = txn {
            *busy.entry(from.incarnation).or_default() += 1;
            *busy.entry(to.incarnation).or_default() += 1;
            plan.act(Intent::Move { name, slots, from, to }, txn);
        }
    }
}

/// An id for a move of a bucket, planned on the picture of this revision. It is never used twice: planning changes the bucket, so a
/// second plan on the same picture is not applied.
pub(crate) fn move_id(revision: u64, bucket: u16) -> String {
    format!("{revision:x}-{bucket:02x}")
}

/// In how many moves each node takes part.
pub(crate) fn parts_taken(mirror: &Mirror) -> BTreeMap<Incarnation, usize> {
    let mut busy = BTreeMap::new();
    for (_, _, seen) in mirror.moves() {
        if matches!(seen.record.phase, Phase::Copy | Phase::Committed) {
            *busy.entry(seen.record.from.incarnation).or_default() += 1;
            *busy.entry(seen.record.to.incarnation).or_default() += 1;
        }
    }
    busy
}
