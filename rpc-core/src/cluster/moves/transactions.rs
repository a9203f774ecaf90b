//! The transactions of a move. Each takes what was read, and is applied only if that is still so.
//!
//! `None` means that what was read leaves nothing to do: look at the verdict. A transaction that was not applied lost to another
//! one, perhaps to one for *other* slots of the same bucket: read again and decide again.

use super::super::mirror::Seen;
use super::super::records::{
    Bucket, Failure, Holding, LEADER, Move, Party, Phase, Standing, bucket_key, fence_key, move_key, write,
};
use super::{MoveName, Observation};
use crate::coordinator::{Compare, Op, Revision, Txn};
use crate::limits::EPOCHS;
use crate::slot::Slot;

/// Plans a move: the slots become Moving, and its record says Copy. `term` is the leader's, compared if given: an operator's move
/// needs none.
///
/// `None` if `slots` make no move, or one of them is not held by `from` and Stable.
pub fn plan(
    term: Option<Revision>,
    name: &MoveName,
    bucket: &Seen<Bucket>,
    slots: &[Slot],
    from: &Party,
    to: &Party,
) -> Option<Txn> {
    begin(term, name, bucket, &Move::new(slots, from, to))
}

/// Plans the move of slots again for which another one has failed. The record of that one goes, and the new one knows of it.
///
/// `None` as for [`plan`].
pub fn plan_again(
    term: Revision,
    name: &MoveName,
    bucket: &Seen<Bucket>,
    slots: &[Slot],
    (failed, seen): (&str, &Seen<Move>),
) -> Option<Txn> {
    let planned = Move::new(slots, &seen.record.from, &seen.record.to);
    let record = Move { tries: seen.record.tries.saturating_add(1), ..planned };
    let mut txn = begin(Some(term), name, bucket, &record)?;
    let key = move_key(&name.group, failed);
    txn.compares.push(Compare::Unchanged(key.clone(), seen.revision));
    txn.ops.push(Op::Delete(key));
    Some(txn)
}

fn begin(term: Option<Revision>, name: &MoveName, bucket: &Seen<Bucket>, record: &Move) -> Option<Txn> {
    let (slots, from, to) = (record.slots.as_slice(), &record.from, &record.to);
    if record.check().is_err() || record.bucket() != name.bucket {
        return None;
    }
    let is_free = |slot: &Slot| {
        let holding = bucket.record.holding(*slot);
        holding
            .is_some_and(|h| h.incarnation == from.incarnation && h.state == Standing::Stable && h.epoch + 2 < EPOCHS)
    };
    if !slots.iter().all(is_free) {
        return None;
    }
    let next = bucket.record.with(slots, |_, holding| {
        let holding = holding?.clone();
        Some(Holding { state: Standing::Moving { mig: name.id.clone() }, ..holding })
    });
    let mut compares = vec![
        Compare::Absent(name.key()),
        Compare::Unchanged(name.bucket_key(), bucket.revision),
        Compare::Absent(fence_key(from.incarnation)),
        Compare::Absent(fence_key(to.incarnation)),
    ];
    compares.extend(term.map(|term| Compare::Unchanged(LEADER.to_owned(), term)));
    Some(txn(name, compares, vec![put(name.bucket_key(), &next), put(name.key(), record)]))
}

/// Commits a move: the only moment at which slots change their owner. Only the target does this, after its copy was verified.
pub fn commit(name: &MoveName, seen: &Observation) -> Option<Txn> {
    let (planned, bucket) = still_copying(seen)?;
    let is_ours = |slot: &Slot| bucket.record.holding(*slot).is_some_and(|h| is_of_move(h, name, &planned.record));
    if !planned.record.slots.iter().all(is_ours) {
        return None;
    }
    let to = &planned.record.to;
    let next = bucket.record.with(&planned.record.slots, |_, holding| {
        let epoch = holding?.epoch + 1;
        Some(Holding { node: to.node.clone(), incarnation: to.incarnation, epoch, state: Standing::Stable })
    });
    let mut compares = unchanged(name, planned, Some(bucket));
    compares.push(Compare::Absent(fence_key(to.incarnation)));
    let record = Move { phase: Phase::Committed, ..planned.record.clone() };
    Some(txn(name, compares, vec![put(name.bucket_key(), &next), put(name.key(), &record)]))
}

/// Aborts a move that is not committed: the slots are Stable again where they were. Anybody may.
pub fn abort(name: &MoveName, seen: &Observation) -> Option<Txn> {
    abort_for(name, seen, None)
}

/// As [`abort`], by a side that knows why its slots are not to be tried again at once.
pub fn abort_for(name: &MoveName, seen: &Observation, failure: Option<&Failure>) -> Option<Txn> {
    let planned = seen.planned.as_ref().filter(|planned| planned.record.phase == Phase::Copy)?;
    let record = Move { phase: Phase::Aborted, failure: failure.cloned(), ..planned.record.clone() };
    let mut ops = vec![put(name.key(), &record)];
    if let Some(bucket) = &seen.bucket {
        let next = settled_bucket(&bucket.record, &name.id, &planned.record.slots);
        if next != bucket.record {
            ops.push(put(name.bucket_key(), &next));
        }
    }
    Some(txn(name, unchanged(name, planned, seen.bucket.as_ref()), ops))
}

/// Says that the target serves from now on, so that the source may drop its copy. Only the target does this.
pub fn activate(name: &MoveName, seen: &Observation) -> Option<Txn> {
    let planned = seen.planned.as_ref().filter(|planned| planned.record.phase == Phase::Committed)?;
    let record = Move { phase: Phase::Active, ..planned.record.clone() };
    let mut compares = unchanged(name, planned, None);
    compares.push(Compare::Absent(fence_key(record.to.incarnation)));
    Some(txn(name, compares, vec![put(name.key(), &record)]))
}

/// Removes the record of a move that is Active or Aborted.
pub fn clean_up(term: Revision, group: &str, id: &str, planned: &Seen<Move>) -> Option<Txn> {
    let is_over = matches!(planned.record.phase, Phase::Active | Phase::Aborted);
    let key = move_key(group, id);
    let compares = vec![Compare::Unchanged(LEADER.to_owned(), term), Compare::Unchanged(key.clone(), planned.revision)];
    is_over.then(|| Txn { compares, ops: vec![Op::Delete(key)], reads: Vec::new() })
}

/// The bucket with those of `slots` Stable again that this move had made Moving.
pub fn settled_bucket(bucket: &Bucket, id: &str, slots: &[Slot]) -> Bucket {
    bucket.with(slots, |_, holding| {
        let holding = holding?.clone();
        let is_its = matches!(&holding.state, Standing::Moving { mig } if mig == id);
        Some(if is_its { Holding { state: Standing::Stable, ..holding } } else { holding })
    })
}

/// The transaction that settles slots whose move has no record, or an aborted one, but which are Moving all the same.
pub fn settle_strays(term: Revision, name: &MoveName, bucket: &Seen<Bucket>, slots: &[Slot]) -> Txn {
    let key = bucket_key(&name.group, name.bucket);
    Txn {
        compares: vec![
            Compare::Unchanged(LEADER.to_owned(), term),
            Compare::Absent(name.key()),
            Compare::Unchanged(key.clone(), bucket.revision),
        ],
        ops: vec![put(key, &settled_bucket(&bucket.record, &name.id, slots))],
        reads: Vec::new(),
    }
}

fn still_copying(seen: &Observation) -> Option<(&Seen<Move>, &Seen<Bucket>)> {
    let planned = seen.planned.as_ref().filter(|planned| planned.record.phase == Phase::Copy)?;
    Some((planned, seen.bucket.as_ref()?))
}

fn is_of_move(holding: &Holding, name: &MoveName, planned: &Move) -> bool {
    let is_its = matches!(&holding.state, Standing::Moving { mig } if *mig == name.id);
    is_its && holding.incarnation == planned.from.incarnation && holding.epoch + 1 < EPOCHS
}

fn unchanged(name: &MoveName, planned: &Seen<Move>, bucket: Option<&Seen<Bucket>>) -> Vec<Compare> {
    let mut compares = vec![Compare::Unchanged(name.key(), planned.revision)];
    compares.extend(bucket.map(|bucket| Compare::Unchanged(name.bucket_key(), bucket.revision)));
    compares
}

fn put<T: serde::Serialize>(key: String, record: &T) -> Op {
    Op::Put { key, value: write(record), lease: None }
}

fn txn(name: &MoveName, compares: Vec<Compare>, ops: Vec<Op>) -> Txn {
    Txn { compares, ops, reads: Observation::query(name).reads }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{A, B, holding, moving, name, observed, party, record, slot};
    use super::*;
    use crate::cluster::records::read;

    fn written<T: serde::de::DeserializeOwned>(txn: &Txn, wanted: &str) -> T {
        let value = txn.ops.iter().find_map(|op| match op {
            Op::Put { key, value, .. } if key == wanted => Some(value),
            _ => None,
        });
        read(value.expect("it is written")).expect("it reads back")
    }

    #[test]
    fn a_plan_takes_only_stable_slots_of_the_source() {
        let stable = observed(4, None, &holding("a", A, 3, Standing::Stable)).bucket.expect("there");
        let (from, to) = (party("a", A), party("b", B));
        let planned = plan(Some(9), &name(), &stable, &[slot(1), slot(2)], &from, &to).expect("a plan");
        assert!(planned.compares.contains(&Compare::Unchanged(LEADER.to_owned(), 9)));
        assert!(planned.compares.contains(&Compare::Unchanged(name().bucket_key(), 4)));
        let bucket: Bucket = written(&planned, &name().bucket_key());
        assert_eq!(bucket.holding(slot(1)), Some(&moving()));
        assert_eq!(bucket.holding(slot(3)), stable.record.holding(slot(3)));
        for bad in [vec![], vec![slot(2), slot(1)], vec![slot(1), slot(300)], vec![slot(9)]] {
            assert_eq!(plan(None, &name(), &stable, &bad, &from, &to), None, "{bad:?}");
        }
        assert_eq!(plan(None, &name(), &stable, &[slot(1)], &from, &from), None, "to itself");
        let twice = observed(4, None, &moving()).bucket.expect("there");
        assert_eq!(plan(None, &name(), &twice, &[slot(1)], &from, &to), None, "moving already");
    }

    #[test]
    fn a_commit_gives_every_slot_to_the_target_one_epoch_later() {
        let txn = commit(&name(), &observed(5, Some(Phase::Copy), &moving())).expect("a commit");
        let bucket: Bucket = written(&txn, &name().bucket_key());
        assert_eq!(bucket.holding(slot(2)), Some(&holding("b", B, 4, Standing::Stable)));
        assert_eq!(written::<Move>(&txn, &name().key()).phase, Phase::Committed);
        for compare in [
            Compare::Unchanged(name().key(), 5),
            Compare::Unchanged(name().bucket_key(), 5),
            Compare::Absent(fence_key(B)),
        ] {
            assert!(txn.compares.contains(&compare), "{compare:?}");
        }
    }

    #[test]
    fn nothing_commits_but_a_copy_whose_slots_are_all_still_moving_by_it() {
        for phase in [Phase::Committed, Phase::Active, Phase::Aborted] {
            assert_eq!(commit(&name(), &observed(5, Some(phase), &moving())), None);
            assert_eq!(abort(&name(), &observed(5, Some(phase), &moving())), None);
        }
        let other = holding("a", A, 3, Standing::Moving { mig: "2".into() });
        for bad in [other, holding("a", A, 3, Standing::Stable), holding("c", B, 3, moving().state)] {
            assert_eq!(commit(&name(), &observed(5, Some(Phase::Copy), &bad)), None);
        }
    }

    #[test]
    fn an_abort_settles_the_slots_of_its_own_move_only() {
        let txn = abort(&name(), &observed(5, Some(Phase::Copy), &moving())).expect("an abort");
        let bucket: Bucket = written(&txn, &name().bucket_key());
        assert_eq!(bucket.holding(slot(1)), Some(&holding("a", A, 3, Standing::Stable)));
        let other = holding("a", A, 3, Standing::Moving { mig: "2".into() });
        let txn = abort(&name(), &observed(5, Some(Phase::Copy), &other)).expect("an abort");
        assert_eq!(txn.ops.len(), 1, "another's slots are left alone");
    }

    #[test]
    fn a_failed_move_is_planned_again_in_the_place_of_its_record_and_counted() {
        let failure = Failure::new(Some(slot(1)), "of version 9");
        let txn = abort_for(&name(), &observed(5, Some(Phase::Copy), &moving()), Some(&failure)).expect("an abort");
        let aborted: Move = written(&txn, &name().key());
        assert_eq!((aborted.phase, &aborted.failure, aborted.tries), (Phase::Aborted, &Some(failure), 0));
        let failed = Seen { record: Move { tries: 3, ..aborted }, revision: 6, at: std::time::Duration::ZERO };
        let stable = observed(6, None, &holding("a", A, 3, Standing::Stable)).bucket.expect("there");
        let next = MoveName { id: "2".into(), ..name() };
        let txn = plan_again(9, &next, &stable, &[slot(1)], ("1", &failed)).expect("a plan");
        assert!(txn.compares.contains(&Compare::Unchanged(name().key(), 6)));
        assert!(txn.ops.contains(&Op::Delete(name().key())));
        let again: Move = written(&txn, &next.key());
        assert_eq!((again.slots, again.tries, again.failure), (vec![slot(1)], 4, None));
    }

    #[test]
    fn only_what_is_over_is_cleaned_up() {
        let seen = |phase| Seen { record: record(phase), revision: 5, at: std::time::Duration::ZERO };
        for phase in [Phase::Active, Phase::Aborted] {
            assert!(clean_up(9, "g", "1", &seen(phase)).is_some());
        }
        for phase in [Phase::Copy, Phase::Committed] {
            assert!(clean_up(9, "g", "1", &seen(phase)).is_none());
        }
    }
}
