//! Moves that are under way: abort those that do not get on, and remove what those that are over have left.

use std::collections::BTreeMap;

use super::super::mirror::Seen;
use super::super::moves::{MoveName, Observation, abort, clean_up, settle_strays};
use super::super::records::{LEADER, Move, Phase, Standing};
use super::super::stuck::Stuck;
use super::assignment::is_alive;
use super::{Intent, Pace, Plan, Sight};
use crate::coordinator::{Compare, Op, Txn};
use crate::slot::Slot;

pub(super) fn plan(pace: &Pace, sight: &Sight<'_>, plan: &mut Plan) {
    for (group, id, seen) in sight.mirror.moves() {
        let name = MoveName { group: group.to_owned(), id: id.to_owned(), bucket: seen.record.bucket() };
        match seen.record.phase {
            Phase::Copy => tend_copy(pace, sight, &name, seen, plan),
            Phase::Committed => tend_committed(sight, &name, seen, plan),
            Phase::Active | Phase::Aborted => {
                let due = seen.at + pace.linger;
                // One that failed stands for the slots that it could not move.
                let stuck = Stuck::of(id, seen).filter(|stuck| stuck.stands(sight.mirror, group));
                let due = stuck.map_or(due, |stuck| due.max(stuck.over()));
                if sight.now < due {
                    plan.wake(due);
                } else if let Some(txn) = clean_up(sight.term, group, id, seen) {
                    plan.act(Intent::CleanUp(name), txn);
                }
            }
        }
    }
    settle(sight, plan);
}

fn tend_copy(pace: &Pace, sight: &Sight<'_>, name: &MoveName, seen: &Seen<Move>, plan: &mut Plan) {
    let limit = seen.at + pace.move_limit;
    // A source that is gone is failed over, its moves with it; the limit is for one that holds nothing of the move.
    if is_alive(sight.mirror, &seen.record.to) && sight.now < limit {
        plan.wake(limit);
        return;
    }
    if let Some(mut txn) = abort(name, &Observation::mirrored(name, sight.mirror)) {
        txn.compares.push(Compare::Unchanged(LEADER.to_owned(), sight.term));
        plan.act(Intent::Abort(name.clone()), txn);
    }
}

/// A committed move belongs to its target, or to the failover from it. One whose slots have all gone on belongs to nobody.
fn tend_committed(sight: &Sight<'_>, name: &MoveName, seen: &Seen<Move>, plan: &mut Plan) {
    let Some(bucket) = sight.mirror.bucket(&name.group, name.bucket) else { return };
    let is_its = |slot: &Slot| {
        bucket
            .record
            .holding(*slot)
            .is_some_and(|h| h.incarnation == seen.record.to.incarnation && h.state == Standing::Stable)
    };
    if !seen.record.slots.iter().any(is_its) {
        let compares = vec![
            Compare::Unchanged(LEADER.to_owned(), sight.term),
            Compare::Unchanged(name.key(), seen.revision),
            Compare::Unchanged(name.bucket_key(), bucket.revision),
        ];
        let txn = Txn { compares, ops: vec![Op::Delete(name.key())], reads: Vec::new() };
        plan.act(Intent::CleanUp(name.clone()), txn);
    }
}

/// Slots that are Moving by a move that does not exist: only hands in the coordinator leave such.
fn settle(sight: &Sight<'_>, plan: &mut Plan) {
    let mut strays: BTreeMap<MoveName, Vec<Slot>> = BTreeMap::new();
    for group in sight.mirror.groups() {
        for (number, bucket) in sight.mirror.buckets(group) {
            for run in &bucket.record.runs {
                let Standing::Moving { mig } = &run.holding.state else { continue };
                let name = MoveName { group: group.clone(), id: mig.clone(), bucket: number };
                if sight.mirror.one_move(group, mig).is_none() && !sight.mirror.is_unreadable(&name.key()) {
                    let slots = (run.first.get()..=run.last.get()).filter_map(Slot::new);
                    strays.entry(name).or_default().extend(slots);
                }
            }
        }
    }
    for (name, slots) in strays {
        if let Some(bucket) = sight.mirror.bucket(&name.group, name.bucket) {
            let txn = settle_strays(sight.term, &name, bucket, &slots);
            plan.act(Intent::Settle(name), txn);
        }
    }
}
