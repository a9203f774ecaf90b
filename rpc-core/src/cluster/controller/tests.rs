//! What the controller does, and what it must not do.

use super::super::records::{
    BUCKETS, Beat, Bucket, DRAINS, Failure, FenceReason, Holding, Move, Phase, REBALANCES, Rebalance, Standing,
    WEIGHTS, beat_key, bucket_key, move_key, node_key,
};
use super::super::stuck::StuckSlots;
use super::fixtures::World;
use super::*;
use crate::coordinator::{Changes, Entry, Event};

mod failover;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn moved(intents: &[Intent]) -> usize {
    let slots = |intent: &Intent| if let Intent::Move { slots, .. } = intent { slots.len() } else { 0 };
    intents.iter().map(slots).sum()
}

fn fenced(plan: &Plan) -> Vec<String> {
    let name = |action: &Action| match &action.intent {
        Intent::Fence(party) => Some(party.node.to_string()),
        _ => None,
    };
    plan.actions.iter().filter_map(name).collect()
}

/// Loses these nodes and fences them, as far as the controller does.
fn lose(world: &mut World, nodes: &[usize]) -> Vec<String> {
    for node in nodes {
        world.lose(*node);
    }
    let plan = world.turn();
    fenced(&plan)
}

#[test]
fn nodes_that_start_together_are_assigned_once_and_nothing_moves() {
    let mut world = World::new();
    world.join(0);
    assert_eq!(world.turn().actions, vec![], "somebody else may be about to join");
    world.pass(Duration::from_millis(300));
    world.join(1);
    world.join(2);
    let intents = world.settle();
    assert_eq!(moved(&intents), 0);
    let assigned = intents.iter().filter(|intent| matches!(intent, Intent::Assign { .. })).count();
    assert_eq!(assigned, 2, "64 buckets are two transactions");
    assert_eq!(world.counts().into_values().collect::<Vec<_>>(), [5462, 5461, 5461]);
    assert_eq!((world.holding(0).epoch, world.holding(0).state), (1, Standing::Stable));
}

#[test]
fn a_node_that_joins_gets_its_share_and_no_slot_moves_needlessly() {
    let mut world = World::of(3);
    world.join(3);
    let intents = world.settle();
    assert_eq!(moved(&intents), 4096);
    assert!(world.counts().into_values().all(|count| count == 4096));
    assert!(world.mirror.rebalance("g").is_none() && world.mirror.moves().next().is_none());
}

#[test]
fn a_wish_that_cannot_be_read_keeps_no_joiner_from_its_share() {
    let mut world = World::of(3);
    world.garble(&format!("{REBALANCES}g"));
    world.join(3);
    assert_eq!(moved(&world.settle()), 4096);
    assert!(world.mirror.rebalance("g").is_none() && !world.mirror.is_unreadable(&format!("{REBALANCES}g")));
}

#[test]
fn a_drained_node_gives_all_it_has_and_nobody_else_moves() {
    let mut world = World::of(3);
    world.put(&format!("{DRAINS}b"), &());
    assert_eq!(moved(&world.settle()), 5461);
    assert_eq!(world.counts().into_values().collect::<Vec<_>>(), [8192, 8192]);
}

#[test]
fn a_node_takes_part_in_few_moves_at_a_time() {
    let mut world = World::of(3);
    world.join(3);
    world.turn();
    world.pass(seconds(1));
    world.turn();
    let plan = world.turn();
    let moves: Vec<_> = plan.actions.iter().filter(|action| matches!(action.intent, Intent::Move { .. })).collect();
    assert_eq!(moves.len(), Pace::default().moves_per_node, "all lead to the new node");
    assert_eq!(world.turn().actions, vec![], "and no more while those are under way");
}

/// Lets the targets carry out the moves that are planned, but fail for these slots; gives how many moves failed.
fn fail_for(world: &mut World, unreadable: &[u16]) -> usize {
    let mut failed = 0;
    let all: Vec<_> = world.mirror.moves().map(|(_, id, seen)| (id.to_owned(), seen.record.clone())).collect();
    for (id, record) in all.into_iter().filter(|(_, record)| record.phase == Phase::Copy) {
        let name = MoveName { group: "g".into(), id, bucket: record.bucket() };
        let bad = record.slots.iter().find(|slot| unreadable.contains(&slot.get()));
        let Some(&bad) = bad else { continue };
        let failure = Failure::new(Some(bad), "of version 9");
        let txn = moves::abort_for(&name, &moves::Observation::mirrored(&name, &world.mirror), Some(&failure));
        assert!(world.transact(&txn.expect("it copies")));
        failed += 1;
    }
    failed
}

/// Turns for so long, and gives how many moves failed.
fn turn_for(world: &mut World, time: Duration, unreadable: &[u16]) -> usize {
    let (mut failed, until) = (0, world.now + time);
    while world.now < until {
        world.turn();
        failed += fail_for(world, unreadable);
        world.serve();
        world.carry_out();
        world.pass(Duration::from_millis(500));
    }
    failed
}

#[test]
fn a_slot_that_cannot_be_moved_holds_up_no_other_and_is_tried_less_and_less_often() {
    let mut world = World::of(2);
    world.put(&format!("{DRAINS}b"), &());
    let failed = turn_for(&mut world, seconds(120), &[16_000]);
    assert_eq!(world.counts().into_values().collect::<Vec<_>>(), [16_383, 1], "all others have gone");
    assert!((5..=14).contains(&failed), "{failed} times in two minutes");
    let failed = turn_for(&mut world, seconds(600), &[16_000]);
    assert!((9..=21).contains(&failed), "{failed} times in ten minutes, at most once in half a minute");
    let stuck = StuckSlots::of(&world.mirror, "g");
    let known = stuck.get(Slot::new(16_000).expect("a slot"), Incarnation(1)).expect("known");
    assert_eq!((known.failure.why.as_str(), known.seen.record.tries >= 13), ("of version 9", true));
    assert_eq!(turn_for(&mut world, seconds(61), &[]), 0, "its reader was replaced");
    assert_eq!(world.counts().into_values().collect::<Vec<_>>(), [16_384]);
    world.settle();
    assert!(world.mirror.moves().next().is_none(), "nothing is left of it");
}

#[test]
fn a_bucket_of_which_nothing_can_be_moved_is_tried_less_and_less_often() {
    let mut world = World::of(2);
    world.put(&format!("{DRAINS}b"), &());
    let bucket: Vec<u16> = (16_128..16_384).collect();
    let failed = turn_for(&mut world, seconds(60), &bucket);
    assert_eq!(world.counts()["b"], 256);
    assert!(failed < 40, "{failed}");
}

#[test]
fn a_move_that_failed_stands_for_its_slots_only_where_they_are() {
    let mut world = World::of(2);
    world.put(&format!("{DRAINS}b"), &());
    turn_for(&mut world, seconds(30), &[16_000]);
    world.fence(1, FenceReason::Operator);
    world.lose(1);
    world.pass(seconds(30));
    world.settle();
    assert!(world.mirror.moves().next().is_none(), "its source is gone, and so is what was to be said");
}

#[test]
fn small_differences_of_weight_move_nothing_and_large_ones_do() {
    let mut world = World::of(3);
    let mut weigh = |weights: [u32; 3]| {
        for (index, weight) in weights.into_iter().enumerate() {
            world.put(&format!("{WEIGHTS}{}", World::party(index).node), &weight);
        }
        let reason = RebalanceReason::Weight;
        world.put(&format!("{REBALANCES}g"), &Rebalance { reason });
        let moved = moved(&world.settle());
        assert!(world.mirror.rebalance("g").is_none(), "the wish is done with");
        moved
    };
    assert_eq!(weigh([100, 101, 100]), 0);
    assert!(weigh([100, 200, 100]) > 2000);
    assert!(weigh([1000, 1000, 20]) > 3500);
    assert!(weigh([1000, 1000, 26]) > 40, "little for the others, a quarter for the third");
}

#[test]
fn what_an_operator_moved_stays_where_it_is() {
    let mut world = World::of(2);
    let bucket = world.mirror.bucket("g", 0).expect("there").clone();
    let name = MoveName { group: "g".into(), id: "by-hand".into(), bucket: 0 };
    let slots: Vec<_> = (0..64).filter_map(Slot::new).collect();
    let txn = moves::plan(None, &name, &bucket, &slots, &World::party(0), &World::party(1)).expect("a plan");
    assert!(world.transact(&txn));
    assert_eq!(moved(&world.settle()), 0);
    assert_eq!(world.counts().into_values().collect::<Vec<_>>(), [8192 - 64, 8192 + 64]);
}

#[test]
fn nothing_moves_while_an_owner_is_missing() {
    let mut world = World::of(3);
    world.reachable_since = world.now;
    world.lose(2);
    world.join(3);
    assert_eq!(world.turn().actions, vec![]);
    world.pass(seconds(2));
    let plan = world.turn();
    assert_eq!(plan.actions, vec![]);
    assert!(plan.held.contains(&Held::OwnerMissing { group: "g".into(), node: "c".into() }));
}

/// A move of slots 0 and 1 from a to b, in this phase.
fn moving(phase: Phase) -> World {
    let mut world = World::of(3);
    let name = MoveName { group: "g".into(), id: "1".into(), bucket: 0 };
    let bucket = world.mirror.bucket("g", 0).expect("there").clone();
    let slots: Vec<_> = (0..2).filter_map(Slot::new).collect();
    let txn = moves::plan(None, &name, &bucket, &slots, &World::party(0), &World::party(1)).expect("a plan");
    assert!(world.transact(&txn));
    let steps: &[fn(&MoveName, &moves::Observation) -> Option<Txn>] = match phase {
        Phase::Copy => &[],
        Phase::Committed => &[moves::commit],
        Phase::Active => &[moves::commit, moves::activate],
        Phase::Aborted => &[moves::abort],
    };
    for step in steps {
        let txn = step(&name, &moves::Observation::mirrored(&name, &world.mirror)).expect("a step");
        assert!(world.transact(&txn));
    }
    world
}

fn phase(world: &World) -> Option<Phase> {
    world.mirror.one_move("g", "1").map(|seen| seen.record.phase)
}

#[test]
fn slots_committed_to_a_target_that_never_served_go_back_to_the_sealed_copy() {
    let mut world = moving(Phase::Committed);
    assert_eq!(lose(&mut world, &[1]), ["b"]);
    world.pass(seconds(5));
    world.turn();
    let back = world.holding(0);
    assert_eq!((back.incarnation, back.epoch), (Incarnation(1), 3));
    assert_eq!(back.state, Standing::Recovering { lost: Some("b".into()), kept: Some(1) });
    assert_eq!(phase(&world), None, "and the target can never say that it serves");
}

#[test]
fn slots_of_a_target_that_has_served_are_lost_with_it() {
    let mut world = moving(Phase::Active);
    assert_eq!(lose(&mut world, &[1]), ["b"]);
    world.pass(seconds(5));
    world.turn();
    let next = world.holding(0);
    assert_eq!((next.epoch, next.state), (3, Standing::Recovering { lost: Some("b".into()), kept: None }));
}

#[test]
fn a_move_ends_with_its_source_or_its_target() {
    let mut world = moving(Phase::Copy);
    assert_eq!(lose(&mut world, &[1]), ["b"]);
    assert_eq!(phase(&world), Some(Phase::Aborted), "the target is gone");
    assert_eq!((world.holding(0).incarnation, world.holding(0).state), (Incarnation(1), Standing::Stable));

    let mut world = moving(Phase::Copy);
    assert_eq!(lose(&mut world, &[0]), ["a"]);
    world.pass(seconds(5));
    world.turn();
    assert_eq!(phase(&world), Some(Phase::Aborted), "the source is gone");
    assert!(matches!(world.holding(0).state, Standing::Recovering { .. }));
}

#[test]
fn a_move_that_does_not_get_on_is_aborted_and_what_is_over_is_removed() {
    let mut world = moving(Phase::Copy);
    world.turn();
    world.pass(Pace::default().move_limit);
    world.turn();
    assert_eq!(phase(&world), Some(Phase::Aborted));
    world.pass(Pace::default().linger);
    world.turn();
    assert_eq!(phase(&world), None);
    assert_eq!(world.holding(0).state, Standing::Stable);
}

#[test]
fn slots_marked_by_a_move_that_does_not_exist_are_settled() {
    let mut world = moving(Phase::Copy);
    assert_eq!(world.bucket(0).runs.len(), 2);
    let ops = vec![Op::Delete(move_key("g", "1"))];
    assert!(world.transact(&Txn { ops, ..Txn::default() }));
    world.turn();
    assert_eq!(world.bucket(0).runs.len(), 1);
}

#[test]
fn a_committed_move_whose_slots_have_gone_on_is_removed() {
    let mut world = moving(Phase::Aborted);
    let stale = Move { phase: Phase::Committed, ..world.mirror.one_move("g", "1").expect("there").record.clone() };
    world.put(&move_key("g", "1"), &stale);
    world.turn();
    assert_eq!(phase(&world), None);
}

#[test]
fn a_bucket_that_cannot_be_read_is_left_alone() {
    let mut world = World::of(2);
    world.keys.insert("map/g/00".into(), (bytes::Bytes::from_static(b"{"), 7));
    let entry = Entry { key: "map/g/00".into(), value: world.keys["map/g/00"].0.clone(), revision: 9999, lease: None };
    let changes = Changes { revision: 9999, events: vec![Event::Put(entry)] };
    assert_eq!(world.mirror.apply(&changes, world.now).len(), 1);
    let plan = world.plan();
    assert_eq!(plan.actions, vec![]);
    assert_eq!(plan.held, vec![Held::Unreadable { key: "map/g/00".into() }]);
}

#[test]
fn a_map_that_cannot_be_read_at_all_is_no_reason_to_spread_slots_anew() {
    let mut world = World::of(2);
    let unreadable = |number| {
        let value = bytes::Bytes::from_static(b"7");
        Event::Put(Entry { key: bucket_key("g", number), value, revision: 9999, lease: None })
    };
    let changes = Changes { revision: 9999, events: (0..BUCKETS).map(unreadable).collect() };
    assert_eq!(world.mirror.apply(&changes, world.now).len(), usize::from(BUCKETS));
    assert_eq!(world.plan().actions, vec![]);
}

#[test]
fn a_leader_that_is_nobody_is_replaced_and_one_that_is_there_is_not() {
    let mut world = World::of(2);
    let claim = |world: &World, node: usize| claim(&World::party(node), 7, &world.mirror);
    assert_eq!(claim(&world, 1), None, "a leads");
    let nobody = [
        Leader { node: "nobody".into(), incarnation: Incarnation(1) },
        Leader { node: "a".into(), incarnation: Incarnation(99) },
    ];
    for leader in nobody {
        world.put(LEADER, &leader);
        assert_eq!(claim(&world, 2), None, "who is not there replaces nobody");
        let txn = claim(&world, 1).expect("it is free");
        assert!(world.transact(&txn));
        assert_eq!(leads(&world.mirror), Some(World::party(1)));
        assert!(!world.transact(&txn), "once");
    }
    world.garble(LEADER);
    assert_eq!((term(Incarnation(2), &world.mirror), leads(&world.mirror)), (None, None));
    let txn = claim(&world, 0).expect("it is free");
    assert!(world.transact(&txn));
    assert_eq!(term(Incarnation(1), &world.mirror), Some(world.revision));
    world.fence(0, FenceReason::Lost);
    let txn = claim(&world, 1).expect("its leader executes nothing any more");
    assert!(world.transact(&txn));
}

#[test]
fn slots_whose_record_was_emptied_by_hand_come_back_above_what_they_were_and_as_lost() {
    let mut world = World::of(2);
    let was = world.holding(0);
    world.put(&bucket_key("g", 0), &Bucket::default());
    world.turn();
    let lost = Standing::Recovering { lost: Some(was.node.clone()), kept: None };
    let again = Holding { epoch: was.epoch + 1, state: lost, ..was };
    assert_eq!(world.holding(0), again, "it is alive, and has yet to hear of it");
    world.settle();
    assert_eq!(world.counts().into_values().sum::<usize>(), 16384);
    assert_eq!(world.holding(256).epoch, 1, "other buckets are left alone");
}

#[test]
fn slots_that_lost_their_record_before_this_leader_came_are_above_all_that_it_knows() {
    let mut world = World::of(2);
    let mut other = world.bucket(9);
    other.runs.iter_mut().for_each(|run| run.holding.epoch = 6);
    world.put(&bucket_key("g", 9), &other);
    world.put(&bucket_key("g", 0), &Bucket::default());
    // A mirror that has seen nothing of what was before.
    let entry = |(key, (value, revision)): (&String, &(bytes::Bytes, Revision))| Entry {
        key: key.clone(),
        value: value.clone(),
        revision: *revision,
        lease: None,
    };
    let entries = world.keys.iter().map(entry).collect();
    world.mirror = Mirror::default();
    assert_eq!(world.mirror.list(&crate::coordinator::Range { revision: world.revision, entries }, world.now), vec![]);
    world.settle();
    assert_eq!(world.holding(0).epoch, 7);
}

#[test]
fn slots_without_a_record_whose_owner_is_gone_wait_until_it_cannot_execute() {
    let mut world = World::of(3);
    let was = world.holding(16383);
    assert_eq!(was.node.as_str(), "c");
    world.put(&beat_key(&"c".into()), &Beat { incarnation: Incarnation(3), beat: 2 });
    world.put(&bucket_key("g", 63), &Bucket::default());
    world.lose(2);
    let is_free = |world: &World| world.mirror.holding("g", Slot::new(16383).expect("a slot")).is_none();
    world.pass(Timing::default().outlasts() - Duration::from_millis(1));
    world.turn();
    assert!(is_free(&world), "it may still execute");
    world.pass(seconds(1));
    assert_eq!(fenced(&world.turn()), ["c"]);
    world.turn();
    let heir = world.holding(16383);
    assert_eq!((heir.epoch, heir.state), (2, Standing::Recovering { lost: Some("c".into()), kept: None }));
    assert_ne!(heir.node.as_str(), "c");
}

#[test]
fn every_transaction_compares_the_term() {
    let mut world = World::new();
    world.join(0);
    world.join(1);
    let mut plans = vec![];
    for _ in 0..5 {
        plans.push(world.turn());
        world.pass(seconds(1));
    }
    world.lose(1);
    for _ in 0..6 {
        plans.push(world.turn());
        world.pass(seconds(2));
    }
    let term = Compare::Unchanged(LEADER.to_owned(), fixtures::TERM);
    let actions: Vec<_> = plans.iter().flat_map(|plan| &plan.actions).collect();
    assert!(actions.len() > 3);
    assert!(actions.iter().all(|action| action.txn.compares.contains(&term)));
}
