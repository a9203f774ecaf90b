//! What operators ask for: checked against the records, refused with a sentence, and turned into transactions.
//!
//! Nothing here needs the leader. What it asks for by a record (drain, weight, rebalance) the leader does; the moves that are ordered
//! by hand are planned by whoever took the order, a few at a time.

mod orders;

use std::collections::BTreeMap;

pub use self::orders::{MAX_ORDERS, Order, Orders, Progress, move_slots, proceed};
use super::assign::assign;
use super::mirror::{Mirror, Seen};
use super::records::{
    Fence, FenceReason, Incarnation, NodeRecord, NodeState, Party, REBALANCES, Rebalance, RebalanceReason, drain_key,
    fence_key, node_key, weight_key, write,
};
use crate::coordinator::{Compare, Op, Txn};
use crate::node::NodeId;
use crate::slot::Slot;

/// Largest weight that an operator can give: shares differ by less than a slot long before that.
pub const MAX_WEIGHT: u32 = 1_000_000;

/// Why an operator's wish is not granted, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

/// Slots that would move from one node to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// From there.
    pub from: NodeId,
    /// To there.
    pub to: NodeId,
    /// The slots, ascending.
    pub slots: Vec<Slot>,
}

/// The node that an operator names, by its id or by its address.
///
/// # Errors
/// [`Refusal`] if there is none.
pub fn find<'a>(mirror: &'a Mirror, name: &str) -> Result<&'a NodeRecord, Refusal> {
    let by_id = mirror.nodes().get(name).map(|seen| &seen.record);
    let by_address = || mirror.nodes().values().map(|seen| &seen.record).find(|node| node.address == name);
    by_id.or_else(by_address).ok_or_else(|| {
        let known: Vec<&str> = mirror.nodes().keys().map(NodeId::as_str).collect();
        Refusal(format!("there is no node {name:?}; there are: {}", known.join(", ")))
    })
}

/// Drains a node: the leader moves its slots away and gives it none, until [`undrain`].
///
/// # Errors
/// [`Refusal`] if there is no such node, or nobody would be left to take slots.
pub fn drain(mirror: &Mirror, node: &str) -> Result<Txn, Refusal> {
    let node = find(mirror, node)?;
    if mirror.is_drained(&node.id) {
        return Err(Refusal(format!("{} is drained already", node.id)));
    }
    let compares = someone_else(mirror, node)?;
    Ok(Txn { compares, ops: vec![put(drain_key(&node.id), &())], ..Txn::default() })
}

/// Ends a drain: the node gets slots again, at the next [`rebalance`] or because it has none.
///
/// # Errors
/// [`Refusal`] if it is not drained.
pub fn undrain(mirror: &Mirror, node: &str) -> Result<Txn, Refusal> {
    let id = find(mirror, node).map_or_else(|_| NodeId::from(node), |node| node.id.clone());
    if !mirror.is_drained(&id) {
        return Err(Refusal(format!("{id} is not drained")));
    }
    Ok(Txn { ops: vec![Op::Delete(drain_key(&id))], ..Txn::default() })
}

/// Gives a node another weight, for good; the leader moves slots if the difference is worth it.
///
/// # Errors
/// [`Refusal`] if there is no such node, the weight is out of bounds, or nobody would be left to take slots.
pub fn weigh(mirror: &Mirror, node: &str, weight: u32) -> Result<Txn, Refusal> {
    let node = find(mirror, node)?;
    if weight > MAX_WEIGHT {
        return Err(Refusal(format!("a weight is at most {MAX_WEIGHT}")));
    }
    let mut compares = if weight == 0 { someone_else(mirror, node)? } else { Vec::new() };
    let mut ops = vec![put(weight_key(&node.id), &weight)];
    let wish = Rebalance { reason: RebalanceReason::Weight };
    for group in &node.groups {
        let key = format!("{REBALANCES}{group}");
        // A wish that is there says as much, or more, as long as it is there; one that came in between must not be lost.
        if let Some(wished) = mirror.rebalance(group) {
            compares.push(Compare::Unchanged(key, wished.revision));
            continue;
        }
        compares.push(match mirror.unreadable(&key) {
            Some(revision) => Compare::Unchanged(key.clone(), revision),
            None => Compare::Absent(key.clone()),
        });
        ops.push(put(key, &wish));
    }
    Ok(Txn { compares, ops, ..Txn::default() })
}

/// Fences a node at once: it never executes again as this start of it, and what only it held is lost. Its process, if it runs,
/// starts over.
///
/// A name that is no longer among the nodes fences every incarnation of that name that still owns slots: that is how an operator
/// releases the slots of dead nodes that the controller holds back for being too many.
///
/// # Errors
/// [`Refusal`] if nobody of this name is there or owns a slot, or it is fenced already.
pub fn fence(mirror: &Mirror, node: &str) -> Result<Txn, Refusal> {
    let mut starts: BTreeMap<Incarnation, NodeId> = BTreeMap::new();
    match find(mirror, node) {
        Ok(node) => {
            starts.insert(node.incarnation, node.id.clone());
        }
        Err(unknown) => {
            let all = mirror.groups().flat_map(|group| mirror.holdings(group).map(|(_, holding)| holding));
            starts.extend(all.filter(|h| h.node.as_str() == node).map(|h| (h.incarnation, h.node.clone())));
            if starts.is_empty() {
                return Err(unknown);
            }
        }
    }
    starts.retain(|incarnation, _| mirror.fence(*incarnation).is_none());
    if starts.is_empty() {
        return Err(Refusal(format!("{node} is fenced already")));
    }
    let mut txn = Txn::default();
    for (incarnation, node) in starts {
        let key = fence_key(incarnation);
        txn.compares.push(Compare::Absent(key.clone()));
        txn.ops.push(put(key, &Fence { node, reason: FenceReason::Operator }));
    }
    Ok(txn)
}

/// What a rebalance of `group` would move, for a dry run, and the transaction that asks the leader for it.
///
/// # Errors
/// [`Refusal`] if there is no such group, no node takes slots, or some slot's owner is not there.
pub fn rebalance(mirror: &Mirror, group: &str) -> Result<(Vec<Preview>, Txn), Refusal> {
    if !mirror.groups().any(|known| known == group) {
        return Err(Refusal(format!("there is no group {group:?}")));
    }
    let members: Vec<&NodeRecord> = mirror
        .nodes()
        .values()
        .map(|seen| &seen.record)
        .filter(|node| mirror.fence(node.incarnation).is_none() && node.groups.iter().any(|of| of == group))
        .collect();
    let weights: Vec<u32> = members.iter().map(|node| mirror.weight(node)).collect();
    let mut current = vec![None; usize::from(Slot::COUNT)];
    for (slot, holding) in mirror.holdings(group) {
        let owner = members.iter().position(|node| node.incarnation == holding.incarnation);
        let owner = owner.and_then(|index| u16::try_from(index).ok());
        current[slot.index()] = Some(owner.ok_or_else(|| {
            Refusal(format!(
                "slot {slot} is owned by {}, which is not there: it has to be replaced first",
                holding.node
            ))
        })?);
    }
    let wanted = assign(&current, &weights).map_err(|error| Refusal(error.to_string()))?;
    let mut moves: BTreeMap<(u16, u16), Vec<Slot>> = BTreeMap::new();
    for slot in Slot::all() {
        if let Some(from) = current[slot.index()].filter(|from| *from != wanted[slot.index()]) {
            moves.entry((from, wanted[slot.index()])).or_default().push(slot);
        }
    }
    let id = |index: u16| members[usize::from(index)].id.clone();
    let previews = moves.into_iter().map(|((from, to), slots)| Preview { from: id(from), to: id(to), slots });
    let wish = Rebalance { reason: RebalanceReason::Operator };
    Ok((previews.collect(), Txn { ops: vec![put(format!("{REBALANCES}{group}"), &wish)], ..Txn::default() }))
}

fn takes_slots(mirror: &Mirror, group: &str, node: &NodeRecord) -> Result<(), Refusal> {
    let why = if mirror.fence(node.incarnation).is_some() {
        "is fenced".to_owned()
    } else if node.state == NodeState::Leaving {
        "is leaving".to_owned()
    } else if mirror.is_drained(&node.id) {
        "is drained".to_owned()
    } else if !node.groups.iter().any(|of| of == group) {
        format!("provides no service of group {group:?}")
    } else {
        return Ok(());
    };
    Err(Refusal(format!("{} {why} and takes no slots", node.id)))
}

/// What holds as long as another node takes slots in each group of `node`: of one that does, its record, its weight, and that it is
/// neither drained nor fenced. Two orders that reach two nodes at once must not each rely on the node that the other one takes away.
fn someone_else(mirror: &Mirror, node: &NodeRecord) -> Result<Vec<Compare>, Refusal> {
    let mut compares = Vec::new();
    for group in &node.groups {
        let takes = |other: &NodeRecord| takes_slots(mirror, group, other).is_ok() && mirror.weight(other) > 0;
        let other = mirror.nodes().values().find(|seen| seen.record.id != node.id && takes(&seen.record));
        let Some(Seen { record: other, revision, .. }) = other else {
            return Err(Refusal(format!("no other node of group {group:?} takes slots")));
        };
        let relied_on = [
            Compare::Unchanged(node_key(&other.id), *revision),
            Compare::Absent(drain_key(&other.id)),
            Compare::Absent(fence_key(other.incarnation)),
            mirror.same_weight(&other.id),
        ];
        compares.extend(relied_on.into_iter().filter(|compare| !compares.contains(compare)).collect::<Vec<_>>());
    }
    Ok(compares)
}

fn party(node: &NodeRecord) -> Party {
    Party { node: node.id.clone(), incarnation: node.incarnation }
}

fn put<T: serde::Serialize>(key: String, record: &T) -> Op {
    Op::Put { key, value: write(record), lease: None }
}

#[cfg(test)]
mod tests {
    use super::super::controller::fixtures::World;
    use super::*;

    fn refused<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
        result.expect_err("it is refused").to_string()
    }

    #[test]
    fn the_last_node_that_takes_slots_cannot_be_drained() {
        let mut world = World::of(2);
        let txn = drain(&world.mirror, "127.0.0.1:7000").expect("by its address");
        assert!(world.transact(&txn));
        assert_eq!(refused(drain(&world.mirror, "a")), "a is drained already");
        assert_eq!(refused(drain(&world.mirror, "b")), "no other node of group \"g\" takes slots");
        assert_eq!(refused(weigh(&world.mirror, "b", 0)), "no other node of group \"g\" takes slots");
        assert!(world.transact(&undrain(&world.mirror, "a").expect("it was")));
        assert_eq!(refused(undrain(&world.mirror, "a")), "a is not drained");
        assert!(weigh(&world.mirror, "b", MAX_WEIGHT + 1).is_err());
    }

    #[test]
    fn orders_that_reach_two_nodes_at_once_leave_somebody_who_takes_slots() {
        type Ask = fn(&Mirror, &str) -> Result<Txn, Refusal>;
        let asks: [Ask; 2] = [drain, |mirror, node| weigh(mirror, node, 0)];
        for (one, other) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let mut world = World::of(2);
            assert!(world.transact(&weigh(&world.mirror, "b", 2).expect("possible")));
            // Both are decided before either is written.
            let txns =
                [asks[one](&world.mirror, "a"), asks[other](&world.mirror, "b")].map(|txn| txn.expect("possible"));
            assert!(world.transact(&txns[0]));
            assert!(!world.transact(&txns[1]), "{one} {other}");
        }
        let mut world = World::of(2);
        let txn = drain(&world.mirror, "a").expect("possible");
        world.fence(1, FenceReason::Lost);
        assert!(!world.transact(&txn), "b is gone");
    }

    #[test]
    fn a_fence_by_hand_reaches_dead_owners_too() {
        let mut world = World::of(1);
        world.lose(0);
        assert!(world.transact(&fence(&world.mirror, "a").expect("it owns slots")));
        assert_eq!(refused(fence(&world.mirror, "a")), "a is fenced already");
        assert!(fence(&world.mirror, "x").is_err());
    }

    #[test]
    fn a_dry_run_shows_what_a_rebalance_would_move() {
        let mut world = World::of(2);
        assert_eq!(rebalance(&world.mirror, "g").expect("possible").0, vec![]);
        assert!(world.transact(&weigh(&world.mirror, "a", 3).expect("possible")));
        let (moves, _) = rebalance(&world.mirror, "g").expect("possible");
        assert_eq!((moves[0].from.as_str(), moves[0].to.as_str(), moves[0].slots.len()), ("b", "a", 4096));
        world.lose(1);
        assert!(refused(rebalance(&world.mirror, "g")).contains("is not there"));
    }
}
