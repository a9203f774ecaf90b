//! Owners that are gone: fence them, wait until they cannot execute any more, and give their slots to others.
//!
//! Guard rails. After a break in the touch with the coordinator nobody is fenced for one lease and D: all leases may have ended
//! together while everybody is well. But whoever was heard since then, and has been silent for a whole lease after that, is not well.
//! Whoever beats is well, lease or not: he is not given up before his last beat's authority has ended everywhere, which the failover would have to
//! wait for anyway.
//! And never are more than half of a group's nodes fenced within such a window, unless an operator
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
use super::super::records::{
    Fence, FenceReason, Incarnation, LEADER, Party, RebalanceReason, beat_key, fence_key, node_key, write,
};
use super::assignment::{Group, is_alive};
use super::{Held, Intent, Plan, Sight, Succession, balance};
use crate::coordinator::{Compare, Op, Revision, Txn};
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
            let txn = fence(sight.mirror, sight.term, &party);
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
pub fn fence(mirror: &Mirror, term: Revision, party: &Party) -> Txn {
    let key = node_key(&party.node);
    // A record that cannot be read says nothing for its node, and must not keep it from being given up.
    let known = mirror.nodes().get(&party.node).map(|seen| seen.revision).or_else(|| mirror.unreadable(&key));
    let is_still_gone = match known {
        Some(revision) => Compare::Unchanged(key, revision),
        None => Compare::Absent(key),
    };
    let fence = Fence { node: party.node.clone(), reason: FenceReason::Lost };
    let own = fence_key(party.incarnation);
    Txn {
        compares: vec![Compare::Unchanged(LEADER.to_owned(), term), Compare::Absent(own.clone()), is_still_gone],
        ops: vec![Op::Put { key: own, value: write(&fence), lease: None }],
        reads: vec![beat_key(&party.node)],
    }
}

fn may_fence(timing: &Timing, sight: &Sight<'_>, groups: &[Group], party: &Party, plan: &mut Plan) -> bool {
    // Started anew under the same name: see above.
    if sight.mirror.nodes().contains_key(&party.node) {
        return true;
    }
    let ripe = may_be_given_up_from(timing, sight, party);
    if sight.now < ripe {
        plan.wake(ripe);
        if sight.now < sight.reachable_since + timing.window() {
            plan.hold(Held::JustBack { until: ripe });
        }
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

/// From when on a node that is not there is not missed merely because the coordinator was, or its lease.
fn may_be_given_up_from(timing: &Timing, sight: &Sight<'_>, party: &Party) -> Duration {
    let after_break = sight.reachable_since + timing.window();
    let Some(beat) = sight.mirror.beat(&party.node).filter(|beat| beat.record.incarnation == party.incarnation) else {
        return after_break;
    };
    let ripe = if beat.at > sight.reachable_since { after_break.min(beat.at + timing.lease()) } else { after_break };
    // One whose record is garbage is no member as long as it lives, and nobody but itself could mend that.
    let is_garbage = sight.mirror.is_unreadable(&node_key(&party.node));
    if is_garbage { ripe } else { ripe.max(beat.at + timing.outlasts()) }
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
///
/// Nodes that die and start again come and go meanwhile, so that who is there may get more than its share, and who came late less
/// than its own without having none. A wish in the records, written before, sees to that once every owner is there.
fn take_over(sight: &Sight<'_>, group: &Group, silenced: &BTreeSet<Incarnation>, plan: &mut Plan) {
    if !group.missing.keys().any(|incarnation| silenced.contains(incarnation)) {
        return;
    }
    let wanted = group.wanted();
    let mut is_wished = sight.mirror.rebalance(&group.name).is_some();
    for (number, bucket) in sight.mirror.buckets(&group.name) {
        if !bucket.record.runs.iter().any(|run| silenced.contains(&run.holding.incarnation)) {
            continue;
        }
        let heir = |slot: Slot| Some(group.member(*wanted.as_ref()?.get(slot.index())?)?.party());
        let (mirror, term, name) = (sight.mirror, sight.term, group.name.as_str());
        let Some((txn, slots)) = (Succession { mirror, term, group: name, number, bucket }).txn(silenced, heir) else {
            plan.hold(Held::NobodyTakes { group: group.name.clone() });
            continue;
        };
        if !is_wished {
            is_wished = true;
            balance::begin(sight, group, RebalanceReason::Failover, plan);
        }
        plan.act(Intent::TakeOver { group: group.name.clone(), bucket: number, slots }, txn);
    }
}
