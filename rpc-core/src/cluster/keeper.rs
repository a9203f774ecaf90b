//! What a node does with its own slots when the map speaks of them.
//!
//! A node opens a slot for one of two reasons only: its own move to it has become Active (the [`Target`](super::moves::Target) says
//! so), or the map says Recovering and names its incarnation. Everything else here closes, forgets, or reports.

use super::mirror::Seen;
use super::records::{Bucket, Holding, Incarnation, Standing, bucket_key, fence_key, write};
use crate::coordinator::{Compare, Op, Txn};
use crate::limits::EPOCHS;
use crate::node::NodeId;
use crate::slot::Slot;
use crate::state::Content;

/// How a slot stands at this node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Local {
    /// Nothing is held of it.
    Closed,
    /// It is being loaded, to be served in this epoch.
    Loading(u64),
    /// It is served in this epoch.
    Open(u64),
    /// It was served in this epoch, and is sealed for a move whose [`Source`](super::moves::Source) decides what becomes of it.
    Sealed(u64),
    /// It was served in this epoch, and what it held when it was sealed is kept.
    Kept(u64),
    /// A copy is being made by a [`Target`](super::moves::Target), which decides what becomes of it.
    Staged,
}

/// What to do with a slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Keep {
    /// Nothing.
    AsIs,
    /// Load it with this content, open it in this epoch, then [`settle`] it. What `lost` names is to be reported as lost: its state
    /// is not here.
    Load {
        /// The epoch to serve in.
        epoch: u64,
        /// What it begins with.
        content: Content,
        /// Whose state is lost.
        lost: Option<NodeId>,
    },
    /// It is open as the map wants it, which still says Recovering: [`settle`] it.
    Settle,
    /// Stop serving it at once. It is another's, or nobody's.
    Close,
    /// Drop what is held of it: nobody will come back for it.
    Forget,
    /// The map says that this node serves it, and there is nothing here to serve: [`disown`] it, so that the loss is declared.
    Disown,
    /// This node served it in this epoch, or still does, and the map has it in an older one: what the map knew is lost. [`raise`] it, so
    /// that the slot goes on above every epoch in which it was served, and the loss is declared. If only the picture is old, that
    /// changes nothing.
    Raise(u64),
}

/// What to do with a slot that stands like `local`, given what the map says. Closing comes before loading: a slot that is open in
/// another epoch is closed first, and what to do then is asked again.
///
/// `holding` may be older than what this node knows from a transaction of its own; by an older epoch nothing is opened or closed.
pub fn keep(me: Incarnation, local: &Local, holding: Option<&Holding>) -> Keep {
    match holding {
        Some(holding) if holding.incarnation == me => keep_own(local, holding),
        Some(holding) => keep_others(local, holding.epoch),
        None if matches!(local, Local::Open(_) | Local::Loading(_)) => Keep::Close,
        None => Keep::AsIs,
    }
}

fn keep_own(local: &Local, holding: &Holding) -> Keep {
    let epoch = holding.epoch;
    let recovering = match &holding.state {
        Standing::Recovering { lost, kept } => Some((lost.clone(), *kept)),
        Standing::Stable | Standing::Moving { .. } => None,
    };
    match (local, recovering) {
        (Local::Loading(known) | Local::Open(known), _) if epoch < *known => Keep::Raise(*known),
        (Local::Loading(known) | Local::Open(known), _) if epoch > *known => Keep::Close,
        (Local::Loading(_), _) => Keep::AsIs,
        (Local::Open(_), Some(_)) => Keep::Settle,
        (Local::Open(_), None) => Keep::AsIs,
        // The machine of the move decides, and has nothing to decide only once it is over.
        (Local::Staged | Local::Sealed(_), _) => Keep::AsIs,
        // Not even in the epoch in which it was served: others may have served it since, in a map that is gone.
        (Local::Kept(held), _) if epoch <= *held => Keep::Raise(*held),
        (Local::Kept(held), Some((_, Some(kept)))) if kept == *held => {
            Keep::Load { epoch, content: Content::Kept, lost: None }
        }
        // What is kept is older than what was lost, so that it would bring back what others have changed since.
        (Local::Kept(_), _) => Keep::Forget,
        (Local::Closed, Some((lost, _))) => Keep::Load { epoch, content: Content::Empty, lost },
        (Local::Closed, None) => Keep::Disown,
    }
}

fn keep_others(local: &Local, epoch: u64) -> Keep {
    match local {
        // The same epoch with another owner contradicts itself: whoever is right, this node must not serve.
        Local::Open(known) | Local::Loading(known) if epoch >= *known => Keep::Close,
        Local::Open(known) | Local::Loading(known) | Local::Kept(known) if epoch < *known => Keep::Raise(*known),
        // One epoch later is the move's own target; from the second on the slot has a history that is not in this copy.
        Local::Kept(known) if epoch >= known.saturating_add(2) => Keep::Forget,
        _ => Keep::AsIs,
    }
}

/// Says that these slots, loaded and open in the epochs given, are served: the map has them Stable. `None` if the bucket says
/// otherwise of all of them.
pub fn settle(me: Incarnation, group: &str, number: u16, bucket: &Seen<Bucket>, slots: &[(Slot, u64)]) -> Option<Txn> {
    change(me, group, number, bucket, slots, |holding, epoch| {
        let is_new = is_own(me, holding, epoch) && matches!(holding.state, Standing::Recovering { .. });
        is_new.then(|| Holding { state: Standing::Stable, ..holding.clone() })
    })
}

/// Says that what these slots held in the epochs given is lost, though the map says that this node serves them: they are Recovering
/// one epoch later, at this node. `None` if the bucket says otherwise of all of them.
pub fn disown(me: Incarnation, group: &str, number: u16, bucket: &Seen<Bucket>, slots: &[(Slot, u64)]) -> Option<Txn> {
    change(me, group, number, bucket, slots, |holding, epoch| {
        let is_served = is_own(me, holding, epoch) && holding.state == Standing::Stable && epoch + 1 < EPOCHS;
        let lost = Some(holding.node.clone());
        let state = Standing::Recovering { lost, kept: None };
        is_served.then(|| Holding { epoch: holding.epoch + 1, state, ..holding.clone() })
    })
}

/// Lifts these slots, whoever owns them, above the epochs given, in which this node has served them: they are Recovering there, and what
/// they held is lost. `None` if the bucket has all of them in later epochs.
pub fn raise(me: Incarnation, group: &str, number: u16, bucket: &Seen<Bucket>, slots: &[(Slot, u64)]) -> Option<Txn> {
    change(me, group, number, bucket, slots, |holding, held| {
        let lost = match &holding.state {
            Standing::Recovering { lost: Some(lost), .. } => lost.clone(),
            _ => holding.node.clone(),
        };
        let state = Standing::Recovering { lost: Some(lost), kept: None };
        let is_older = holding.epoch <= held && held + 2 < EPOCHS;
        is_older.then(|| Holding { epoch: held + 1, state, ..holding.clone() })
    })
}

fn is_own(me: Incarnation, holding: &Holding, epoch: u64) -> bool {
    holding.incarnation == me && holding.epoch == epoch
}

fn change(
    me: Incarnation,
    group: &str,
    number: u16,
    bucket: &Seen<Bucket>,
    slots: &[(Slot, u64)],
    next: impl Fn(&Holding, u64) -> Option<Holding>,
) -> Option<Txn> {
    let names: Vec<Slot> = slots.iter().map(|(slot, _)| *slot).collect();
    let changed = bucket.record.with(&names, |slot, holding| {
        let holding = holding?;
        let epoch = slots.iter().find(|(other, _)| *other == slot).map_or(0, |(_, epoch)| *epoch);
        Some(next(holding, epoch).unwrap_or_else(|| holding.clone()))
    });
    let key = bucket_key(group, number);
    (changed != bucket.record).then(|| Txn {
        compares: vec![Compare::Absent(fence_key(me)), Compare::Unchanged(key.clone(), bucket.revision)],
        ops: vec![Op::Put { key: key.clone(), value: write(&changed), lease: None }],
        reads: vec![key, fence_key(me)],
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::moves::fixtures::{A, B, holding, moving, slot};
    use super::super::records::read;
    use super::*;

    fn recovering(incarnation: Incarnation, epoch: u64, kept: Option<u64>) -> Holding {
        holding("a", incarnation, epoch, Standing::Recovering { lost: Some("x".into()), kept })
    }

    fn stable(incarnation: Incarnation, epoch: u64) -> Holding {
        holding("a", incarnation, epoch, Standing::Stable)
    }

    #[test]
    fn a_slot_is_loaded_only_if_the_map_names_this_incarnation_as_its_new_owner() {
        let load = Keep::Load { epoch: 4, content: Content::Empty, lost: Some("x".into()) };
        assert_eq!(keep(A, &Local::Closed, Some(&recovering(A, 4, None))), load);
        assert_eq!(keep(B, &Local::Closed, Some(&recovering(A, 4, None))), Keep::AsIs);
        assert_eq!(keep(A, &Local::Closed, None), Keep::AsIs);
        assert_eq!(keep(A, &Local::Loading(4), Some(&recovering(A, 4, None))), Keep::AsIs);
        assert_eq!(keep(A, &Local::Open(4), Some(&recovering(A, 4, None))), Keep::Settle);
        assert_eq!(keep(A, &Local::Open(4), Some(&stable(A, 4))), Keep::AsIs);
        assert_eq!(keep(A, &Local::Open(3), Some(&moving())), Keep::AsIs);
    }

    #[test]
    fn a_kept_copy_is_loaded_only_if_it_is_the_one_that_is_meant() {
        let kept = Keep::Load { epoch: 5, content: Content::Kept, lost: None };
        assert_eq!(keep(A, &Local::Kept(3), Some(&recovering(A, 5, Some(3)))), kept);
        assert_eq!(keep(A, &Local::Kept(2), Some(&recovering(A, 5, Some(3)))), Keep::Forget);
        assert_eq!(keep(A, &Local::Kept(3), Some(&recovering(A, 5, None))), Keep::Forget);
        let lost = Keep::Load { epoch: 5, content: Content::Empty, lost: Some("x".into()) };
        assert_eq!(keep(A, &Local::Closed, Some(&recovering(A, 5, Some(3)))), lost, "a copy that is not here is lost");
    }

    #[test]
    fn a_slot_that_has_gone_on_is_closed_and_an_old_map_is_passed_over() {
        assert_eq!(keep(A, &Local::Open(3), Some(&stable(B, 4))), Keep::Close);
        assert_eq!(keep(A, &Local::Loading(3), Some(&stable(B, 4))), Keep::Close);
        assert_eq!(keep(A, &Local::Open(3), Some(&recovering(A, 4, None))), Keep::Close);
    }

    #[test]
    fn an_older_map_is_raised_and_nothing_is_served_by_it() {
        for local in [Local::Open(4), Local::Loading(4), Local::Kept(4)] {
            for older in [stable(B, 3), stable(A, 3), recovering(A, 1, None), recovering(A, 3, Some(4))] {
                assert_eq!(keep(A, &local, Some(&older)), Keep::Raise(4), "{local:?} {older:?}");
            }
        }
        for same in [stable(A, 4), recovering(A, 4, None), recovering(A, 4, Some(4))] {
            assert_eq!(keep(A, &Local::Kept(4), Some(&same)), Keep::Raise(4), "{same:?}");
        }
    }

    #[test]
    fn what_is_raised_goes_on_above_what_was_served_as_lost() {
        let bucket = Bucket::of([
            (slot(1), stable(B, 1)),
            (slot(2), recovering(A, 4, None)),
            (slot(3), stable(B, 5)),
            (slot(4), holding("a", A, 2, Standing::Recovering { lost: None, kept: None })),
        ]);
        let seen = Seen { record: bucket, revision: 7, at: Duration::ZERO };
        let slots = [(slot(1), 4), (slot(2), 4), (slot(3), 4), (slot(4), 4)];
        let txn = raise(A, "g", 0, &seen, &slots).expect("something to say");
        assert_eq!(txn.compares, vec![Compare::Absent(fence_key(A)), Compare::Unchanged(bucket_key("g", 0), 7)]);
        let Some(Op::Put { value, .. }) = txn.ops.first() else { panic!("it writes the bucket") };
        let next: Bucket = read(value).expect("reads back");
        let lost = |of: &str| Standing::Recovering { lost: Some(of.into()), kept: None };
        assert_eq!(next.holding(slot(1)), Some(&holding("a", B, 5, lost("a"))));
        assert_eq!(next.holding(slot(2)), Some(&holding("a", A, 5, lost("x"))));
        assert_eq!(next.holding(slot(3)), Some(&stable(B, 5)));
        assert_eq!(next.holding(slot(4)), Some(&holding("a", A, 5, lost("a"))));
        assert_eq!(raise(A, "g", 0, &seen, &[(slot(3), 4)]), None);
        // What follows from it at a node that still serves: it closes, forgets, and begins anew.
        let raised = next.holding(slot(2));
        assert_eq!(keep(A, &Local::Open(4), raised), Keep::Close);
        assert_eq!(keep(A, &Local::Kept(4), raised), Keep::Forget);
        assert!(matches!(keep(A, &Local::Closed, raised), Keep::Load { epoch: 5, lost: Some(_), .. }));
    }

    #[test]
    fn a_map_that_contradicts_itself_closes() {
        assert_eq!(keep(A, &Local::Open(3), Some(&stable(B, 3))), Keep::Close, "two owners of one epoch");
        assert_eq!(keep(A, &Local::Open(3), None), Keep::Close, "no owner at all");
        assert_eq!(keep(A, &Local::Closed, Some(&stable(A, 3))), Keep::Disown, "an owner that holds nothing");
    }

    #[test]
    fn what_a_move_decides_is_left_to_it() {
        for local in [Local::Sealed(3), Local::Staged] {
            for holding in [moving(), stable(A, 3), stable(B, 4), recovering(A, 5, Some(3))] {
                assert_eq!(keep(A, &local, Some(&holding)), Keep::AsIs);
            }
        }
        assert_eq!(keep(A, &Local::Kept(3), Some(&stable(B, 4))), Keep::AsIs, "its target may still fail");
        assert_eq!(keep(A, &Local::Kept(3), Some(&stable(B, 5))), Keep::Forget);
    }

    #[test]
    fn settling_changes_only_what_is_this_node_s_and_recovering_in_that_epoch() {
        let bucket = Bucket::of([
            (slot(1), recovering(A, 4, None)),
            (slot(2), recovering(A, 5, None)),
            (slot(3), recovering(B, 4, None)),
        ]);
        let seen = Seen { record: bucket, revision: 7, at: Duration::ZERO };
        let slots = [(slot(1), 4), (slot(2), 4), (slot(3), 4)];
        let txn = settle(A, "g", 0, &seen, &slots).expect("something to say");
        assert_eq!(txn.compares, vec![Compare::Absent(fence_key(A)), Compare::Unchanged(bucket_key("g", 0), 7)]);
        let Some(Op::Put { value, .. }) = txn.ops.first() else { panic!("it writes the bucket") };
        let next: Bucket = read(value).expect("reads back");
        assert_eq!(next.holding(slot(1)), Some(&stable(A, 4)));
        assert_eq!(next.holding(slot(2)), Some(&recovering(A, 5, None)));
        assert_eq!(next.holding(slot(3)), Some(&recovering(B, 4, None)));
        assert_eq!(settle(A, "g", 0, &seen, &slots[2..]), None);
    }

    #[test]
    fn what_is_disowned_begins_anew_one_epoch_later() {
        let bucket = Seen { record: Bucket::of([(slot(1), stable(A, 4))]), revision: 7, at: Duration::ZERO };
        let txn = disown(A, "g", 0, &bucket, &[(slot(1), 4)]).expect("something to say");
        let Some(Op::Put { value, .. }) = txn.ops.first() else { panic!("it writes the bucket") };
        let next: Bucket = read(value).expect("reads back");
        let lost = Standing::Recovering { lost: Some("a".into()), kept: None };
        assert_eq!(next.holding(slot(1)), Some(&holding("a", A, 5, lost)));
        assert_eq!(disown(A, "g", 0, &bucket, &[(slot(1), 3)]), None);
    }
}
