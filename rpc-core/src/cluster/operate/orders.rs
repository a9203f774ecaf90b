//! Orders to move slots by hand: those that a node has taken, what is left of each, and the moves to plan for it next.
//!
//! An order is in the memory of the node that took it, and ends with it. So that two of them do not want the same slots, a node leaves
//! those of its other orders out; two nodes that take orders at once do not know of each other's. Hence each slot is looked at again in
//! the map whenever the order goes on.

use std::collections::{BTreeMap, BTreeSet};

use super::super::controller::{move_id, parts_taken};
use super::super::mirror::Mirror;
use super::super::moves::{MoveName, plan};
use super::super::records::{MAX_MOVE, Party, Standing, bucket_of};
use super::super::stuck::StuckSlots;
use super::{Refusal, find, party, takes_slots};
use crate::coordinator::Txn;
use crate::node::NodeId;
use crate::slot::Slot;

/// Most orders that a node carries out at a time: each looks at the map whenever it changes, and a person gives them one by one.
pub const MAX_ORDERS: usize = 16;

/// Slots that an operator moves by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The group.
    pub group: String,
    /// Whose they are.
    pub from: Party,
    /// Whose they shall be.
    pub to: Party,
    /// The slots, ascending.
    pub slots: Vec<Slot>,
}

/// What is left of an order, and what to do about it now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Slots that the target owns.
    pub done: usize,
    /// Slots on their way.
    pub moving: usize,
    /// Slots still at the source, not on their way.
    pub waiting: usize,
    /// Slots that have gone to a third node: by another order, by a rebalance, or because their owner died.
    pub elsewhere: usize,
    /// Slots still at the source that cannot be moved, or not any more.
    pub given_up: usize,
    /// Why, of one of those given up.
    pub why: Option<String>,
    /// The transactions that plan the next moves; none needs to be applied.
    pub txns: Vec<Txn>,
}

impl Progress {
    /// Whether nothing is left to do.
    pub fn is_over(&self) -> bool {
        self.moving == 0 && self.waiting == 0
    }
}

/// The orders that a node carries out, at most [`MAX_ORDERS`].
#[derive(Clone, Debug, Default)]
pub struct Orders {
    taken: BTreeMap<u64, Order>,
    last: u64,
}

impl Orders {
    /// Takes an order, and gives it a number.
    ///
    /// # Errors
    /// [`Refusal`] when there are too many.
    pub fn take(&mut self, order: Order) -> Result<u64, Refusal> {
        if self.taken.len() >= MAX_ORDERS {
            return Err(Refusal(format!(
                "this node carries out {MAX_ORDERS} orders already: wait until one of them is over, `wherever nodes` lists them"
            )));
        }
        self.last += 1;
        self.taken.insert(self.last, order);
        Ok(self.last)
    }

    /// The order of this number is over.
    pub fn end(&mut self, number: u64) {
        self.taken.remove(&number);
    }

    /// The orders by number.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Order)> {
        self.taken.iter().map(|(number, order)| (*number, order))
    }

    /// The slots of `group` that an order is still to take from `from`.
    fn slots(&self, group: &str, from: &Party) -> BTreeSet<Slot> {
        let concerned = self.taken.values().filter(|order| order.group == group && order.from == *from);
        concerned.flat_map(|order| order.slots.iter().copied()).collect()
    }
}

/// An order to move `count` slots of `group`: the highest that `from` serves, that are not moving already, and that none of `orders`
/// wants.
///
/// # Errors
/// [`Refusal`] when it cannot be carried out as it stands.
pub fn move_slots(
    mirror: &Mirror,
    orders: &Orders,
    group: &str,
    from: &str,
    to: &str,
    count: usize,
) -> Result<Order, Refusal> {
    let refuse = |why: String| Err(Refusal(why));
    let (from, to) = (find(mirror, from)?, find(mirror, to)?);
    if from.id == to.id {
        return refuse(format!("{} cannot move slots to itself", from.id));
    }
    if count == 0 {
        return refuse("a move takes at least one slot".to_owned());
    }
    if !mirror.groups().any(|known| known == group) {
        return refuse(format!("there is no group {group:?}"));
    }
    takes_slots(mirror, group, to)?;
    if mirror.fence(from.incarnation).is_some() {
        return refuse(format!("{} is fenced, and its slots are about to go to others", from.id));
    }
    let (stuck, ordered) = (StuckSlots::of(mirror, group), orders.slots(group, &party(from)));
    let (mut free, mut owned, mut wanted, mut why) = (Vec::new(), 0, 0, None);
    for (slot, holding) in mirror.holdings(group).filter(|(_, holding)| holding.incarnation == from.incarnation) {
        owned += 1;
        match stuck.get(slot, to.incarnation) {
            _ if ordered.contains(&slot) => wanted += 1,
            Some(failed) => why = Some((slot, &failed.failure.why)),
            None if holding.state == Standing::Stable => free.push(slot),
            None => {}
        }
    }
    if count > owned {
        return refuse(format!("{} owns {owned} slots of group {group:?}, fewer than {count}", from.id));
    }
    if count > free.len() {
        return refuse(too_few(&from.id, &to.id, (owned, wanted, free.len()), why));
    }
    let slots = free.split_off(free.len() - count);
    Ok(Order { group: group.to_owned(), from: party(from), to: party(to), slots })
}

/// Why only the `free` ones of a node's slots can move.
fn too_few(
    from: &NodeId,
    to: &NodeId,
    (owned, wanted, free): (usize, usize, usize),
    stuck: Option<(Slot, &String)>,
) -> String {
    let mut reasons = Vec::new();
    if wanted > 0 {
        reasons.push(format!("{wanted} of the {owned} slots of {from} are in orders that are being carried out"));
    }
    let busy = owned - free - wanted;
    if busy > 0 {
        let stuck = if stuck.is_some() { format!(", or cannot be moved to {to} at the moment") } else { String::new() };
        reasons.push(format!("{busy} of the {owned} slots of {from} are moving or being loaded already{stuck}"));
    }
    let example = stuck.map(|(slot, why)| format!("; slot {slot}, for one, cannot be moved: {why}"));
    format!("{}, so that only {free} can move{}", reasons.join(" and "), example.unwrap_or_default())
}

/// How far an order is, and the next moves to plan, so that no node takes part in more than `moves_per_node`. Ask again whenever the
/// mirror has changed, until nothing is moving or waiting.
pub fn proceed(mirror: &Mirror, order: &Order, moves_per_node: usize) -> Progress {
    let mut progress = Progress::default();
    let mut waiting: BTreeMap<u16, Vec<Slot>> = BTreeMap::new();
    let (gone, refused) = (gone(mirror, order), refused(mirror, order));
    let stuck = StuckSlots::of(mirror, &order.group);
    for slot in &order.slots {
        match mirror.holding(&order.group, *slot) {
            Some(holding) if holding.incarnation == order.to.incarnation => progress.done += 1,
            Some(holding) if holding.incarnation == order.from.incarnation => match (&holding.state, &gone, &refused) {
                // A failover settles it, not this order.
                (_, Some(why), _) => progress.give_up(why),
                (Standing::Moving { .. } | Standing::Recovering { .. }, None, _) => progress.moving += 1,
                (Standing::Stable, None, Some(why)) => progress.give_up(why),
                // Tried once for an order: the rest of it goes on.
                (Standing::Stable, None, None) => match stuck.get(*slot, order.to.incarnation) {
                    Some(failed) => progress.give_up(&failed.failure.why),
                    None => waiting.entry(bucket_of(*slot)).or_default().push(*slot),
                },
            },
            _ => progress.elsewhere += 1,
        }
    }
    progress.waiting = waiting.values().map(Vec::len).sum();
    let busy = parts_taken(mirror);
    let part = |party: &Party| busy.get(&party.incarnation).copied().unwrap_or(0);
    let room = moves_per_node.saturating_sub(part(&order.from).max(part(&order.to)));
    for (number, slots) in waiting.iter().rev().take(room) {
        let Some(bucket) = mirror.bucket(&order.group, *number) else { continue };
        let id = move_id(mirror.revision(), *number);
        let name = MoveName { group: order.group.clone(), id, bucket: *number };
        let slots = &slots[slots.len() - slots.len().min(MAX_MOVE)..];
        progress.txns.extend(plan(None, &name, bucket, slots, &order.from, &order.to));
    }
    progress
}

/// Which side of an order is not what it was, if one is.
fn gone(mirror: &Mirror, order: &Order) -> Option<String> {
    let gone = |party: &Party| {
        let known = mirror.nodes().get(&party.node).map(|seen| seen.record.incarnation);
        if known != Some(party.incarnation) {
            Some(format!("{} is gone, or was started anew", party.node))
        } else {
            mirror.fence(party.incarnation).map(|_| format!("{} is fenced", party.node))
        }
    };
    gone(&order.from).or_else(|| gone(&order.to))
}

/// Why the target of an order takes no further slots, if that is so.
fn refused(mirror: &Mirror, order: &Order) -> Option<String> {
    let target = mirror.nodes().get(&order.to.node)?;
    takes_slots(mirror, &order.group, &target.record).err().map(|refusal| refusal.to_string())
}

impl Progress {
    fn give_up(&mut self, why: &str) {
        self.given_up += 1;
        self.why.get_or_insert_with(|| why.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::controller::fixtures::World;
    use super::super::super::moves::{Observation, abort_for};
    use super::super::super::records::Failure;
    use super::*;

    fn no<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
        result.expect_err("it is refused").to_string()
    }

    fn ordered(world: &World, from: &str, to: &str, count: usize) -> Result<Order, Refusal> {
        move_slots(&world.mirror, &Orders::default(), "g", from, to, count)
    }

    #[test]
    fn a_move_that_makes_no_sense_is_refused_with_a_sentence() {
        let mut world = World::of(3);
        world.put("drain/c", &());
        let refuse = |from: &str, to: &str, count| no(ordered(&world, from, to, count));
        assert_eq!(refuse("a", "a", 1), "a cannot move slots to itself");
        assert_eq!(refuse("a", "x", 1), "there is no node \"x\"; there are: a, b, c");
        assert_eq!(refuse("a", "c", 1), "c is drained and takes no slots");
        assert_eq!(refuse("a", "b", 0), "a move takes at least one slot");
        assert_eq!(refuse("a", "b", 9999), "a owns 5462 slots of group \"g\", fewer than 9999");
        let elsewhere = move_slots(&world.mirror, &Orders::default(), "h", "a", "b", 1);
        assert_eq!(no(elsewhere), "there is no group \"h\"");
    }

    #[test]
    fn an_order_goes_on_piece_by_piece_and_the_same_slots_cannot_be_ordered_twice() {
        let mut world = World::of(2);
        let order = ordered(&world, "a", "b", 200).expect("it can be done");
        assert_eq!((order.slots.len(), order.slots[199].get()), (200, 8191));
        let progress = proceed(&world.mirror, &order, 2);
        assert_eq!((progress.waiting, progress.txns.len()), (200, 1), "one bucket holds them all");
        assert!(world.transact(&progress.txns[0]));
        let progress = proceed(&world.mirror, &order, 1);
        assert_eq!((progress.moving, progress.waiting, progress.txns.len()), (64, 136, 0));
        let twice = no(ordered(&world, "a", "b", 8192));
        assert!(twice.starts_with("64 of the 8192 slots of a are moving"), "{twice}");
        for _ in 0..4 {
            world.settle();
            for txn in proceed(&world.mirror, &order, 2).txns {
                assert!(world.transact(&txn));
            }
        }
        assert_eq!(proceed(&world.mirror, &order, 2), Progress { done: 200, ..Progress::default() });
        world.lose(0);
        let order = Order { slots: vec![Slot::new(0).expect("a slot")], ..order };
        let why = Some("a is gone, or was started anew".to_owned());
        assert_eq!(proceed(&world.mirror, &order, 2), Progress { given_up: 1, why, ..Progress::default() });
    }

    #[test]
    fn two_orders_of_one_nodes_slots_want_different_ones() {
        let mut world = World::of(3);
        let mut orders = Orders::default();
        let mut order = |to: &str, count| {
            let order = move_slots(&world.mirror, &orders, "g", "a", to, count)?;
            orders.take(order.clone()).map(|number| (number, order))
        };
        // Nothing of the first is planned yet.
        let (first, one) = order("b", 3000).expect("possible");
        let (second, other) = order("c", 2000).expect("possible");
        assert!(one.slots.iter().all(|slot| !other.slots.contains(slot)));
        let third = no(order("b", 463));
        assert_eq!(
            third,
            "5000 of the 5462 slots of a are in orders that are being carried out, so that only 462 can move"
        );
        for _ in 0..200 {
            for order in [&one, &other] {
                for txn in proceed(&world.mirror, order, 2).txns {
                    world.transact(&txn);
                }
            }
            world.carry_out();
            world.turn();
            world.pass(std::time::Duration::from_secs(2));
        }
        assert_eq!(proceed(&world.mirror, &one, 2), Progress { done: 3000, ..Progress::default() });
        assert_eq!(proceed(&world.mirror, &other, 2), Progress { done: 2000, ..Progress::default() });
        orders.end(first);
        orders.end(second);
        assert!(move_slots(&world.mirror, &orders, "g", "b", "a", 5000).is_ok());
    }

    #[test]
    fn orders_are_bounded() {
        let (world, mut orders) = (World::of(2), Orders::default());
        let one = |orders: &mut Orders| {
            let order = move_slots(&world.mirror, orders, "g", "a", "b", 1)?;
            orders.take(order)
        };
        let taken: Vec<_> = (0..MAX_ORDERS).map(|_| one(&mut orders).expect("there is room")).collect();
        assert!(no(one(&mut orders)).starts_with("this node carries out 16 orders already"));
        orders.end(taken[3]);
        assert!(one(&mut orders).is_ok_and(|number| !taken.contains(&number)), "and no number is given twice");
    }

    #[test]
    fn an_order_tells_what_went_elsewhere_from_what_stays() {
        let mut world = World::of(3);
        let order = ordered(&world, "a", "b", 10).expect("possible");
        // Taken by another node, which knows nothing of this one.
        let rival = Order { slots: order.slots[6..].to_vec(), to: World::party(2), ..order.clone() };
        for txn in proceed(&world.mirror, &rival, 2).txns {
            assert!(world.transact(&txn));
        }
        while world.carry_out() {}
        let progress = proceed(&world.mirror, &order, 2);
        assert_eq!((progress.elsewhere, progress.waiting, progress.given_up), (4, 6, 0));
        world.put("drain/b", &());
        let why = Some("b is drained and takes no slots".to_owned());
        let over = Progress { elsewhere: 4, given_up: 6, why, ..Progress::default() };
        assert_eq!(proceed(&world.mirror, &order, 2), over);
    }

    #[test]
    fn an_order_goes_on_without_a_slot_that_cannot_be_moved() {
        let mut world = World::of(2);
        let order = ordered(&world, "a", "b", 64).expect("it can be done");
        let txns = proceed(&world.mirror, &order, 2).txns;
        assert!(world.transact(&txns[0]));
        let (_, id, _) = world.mirror.moves().next().expect("planned");
        let name = MoveName { group: "g".into(), id: id.to_owned(), bucket: 31 };
        let failure = Failure::new(Some(order.slots[7]), "of version 9");
        let aborted = abort_for(&name, &Observation::mirrored(&name, &world.mirror), Some(&failure));
        assert!(world.transact(&aborted.expect("an abort")));
        let progress = proceed(&world.mirror, &order, 2);
        assert_eq!((progress.waiting, progress.given_up), (63, 1));
        let all = no(ordered(&world, "a", "b", 8192));
        assert!(all.ends_with("cannot be moved: of version 9"), "{all}");
        assert!(world.transact(&progress.txns[0]));
        while world.carry_out() {}
        let why = Some("of version 9".to_owned());
        let over = Progress { done: 63, given_up: 1, why, ..Progress::default() };
        assert_eq!(proceed(&world.mirror, &order, 2), over);
    }
}
