//! Owners that are gone, and who comes after them.

use super::*;

#[test]
fn a_lost_owner_is_fenced_waited_for_and_replaced() {
    let mut world = World::of(3);
    let beat = Beat { incarnation: Incarnation(3), beat: 2 };
    world.put(&beat_key(&"c".into()), &beat);
    world.pass(seconds(2));
    world.lose(2);
    let plan = world.turn();
    assert_eq!(plan.actions, vec![]);
    assert_eq!(plan.look_again, world.now + Pace::default().join, "others are counted anew");
    // Its last beat was seen two seconds ago, so its authority ends 4.08 s after that.
    world.pass(Duration::from_millis(2079));
    assert_eq!(world.turn().actions, vec![]);
    world.pass(Duration::from_millis(1));
    assert_eq!(fenced(&world.turn()), ["c"]);
    assert!(world.turn().actions.iter().any(|action| matches!(action.intent, Intent::TakeOver { .. })));
    let taken = world.holding(16383);
    assert_eq!((taken.epoch, &taken.state), (2, &Standing::Recovering { lost: Some("c".into()), kept: None }));
    world.settle();
    assert_eq!(world.counts().into_values().collect::<Vec<_>>(), [8192, 8192]);
}

#[test]
fn a_node_whose_record_cannot_be_read_is_given_up_all_the_same() {
    let mut world = World::of(3);
    world.garble(&node_key(&"c".into()));
    world.pass(Timing::default().window());
    // Every transaction of a turn must be applied.
    assert_eq!(fenced(&world.turn()), ["c"]);
    world.settle();
    assert_eq!(world.counts().into_values().collect::<Vec<_>>(), [8192, 8192]);
}

#[test]
fn a_fence_found_without_the_last_beat_is_waited_for_in_full() {
    let mut world = World::of(3);
    world.lose(2);
    // A later start of the same name has overwritten the beat.
    world.put(&beat_key(&"c".into()), &Beat { incarnation: Incarnation(99), beat: 1 });
    world.pass(seconds(3));
    world.fence(2, FenceReason::Operator);
    assert_eq!(silent(&world), world.now + Timing::default().outlasts());
}

#[test]
fn a_node_that_left_by_itself_needs_no_wait() {
    let mut world = World::of(3);
    world.fence(2, FenceReason::Left);
    world.lose(2);
    assert_eq!(silent(&world), world.now);
    assert!(world.turn().actions.iter().any(|action| matches!(action.intent, Intent::TakeOver { .. })));
}

fn silent(world: &World) -> Duration {
    silent_from(&Timing::default(), &world.mirror, Incarnation(3), &"c".into())
}

#[test]
fn nobody_is_fenced_after_a_break_until_leases_have_had_time() {
    let mut world = World::of(3);
    world.reachable_since = world.now;
    assert!(lose(&mut world, &[2]).is_empty());
    let plan = world.turn();
    assert!(matches!(plan.held[..], [Held::JustBack { .. }, ..]), "{:?}", plan.held);
    world.pass(Timing::default().window());
    assert_eq!(fenced(&world.turn()), ["c"]);
}

#[test]
fn whoever_was_heard_after_a_break_and_fell_silent_is_fenced_after_a_lease() {
    let mut world = World::of(3);
    world.reachable_since = world.now;
    world.pass(seconds(1));
    world.put(&beat_key(&"c".into()), &Beat { incarnation: Incarnation(3), beat: 2 });
    assert!(lose(&mut world, &[2]).is_empty(), "it may be about to come back");
    world.pass(Timing::default().lease() - Duration::from_millis(1));
    assert!(fenced(&world.turn()).is_empty());
    world.pass(Duration::from_millis(1));
    assert_eq!(fenced(&world.turn()), ["c"]);
}

#[test]
fn whoever_beats_is_not_given_up_for_having_lost_its_lease() {
    let mut world = World::of(3);
    // Long after any break.
    let beat = |world: &mut World, beat| {
        world.put(&beat_key(&"c".into()), &Beat { incarnation: Incarnation(3), beat });
    };
    beat(&mut world, 2);
    assert!(lose(&mut world, &[2]).is_empty());
    for count in 3..30 {
        world.pass(Timing::default().beat_every());
        beat(&mut world, count);
        let plan = world.turn();
        assert!(fenced(&plan).is_empty() && plan.held.iter().all(|held| !matches!(held, Held::JustBack { .. })));
    }
    world.pass(Timing::default().outlasts() - Duration::from_millis(1));
    assert!(fenced(&world.turn()).is_empty());
    world.pass(Duration::from_millis(1));
    assert_eq!(fenced(&world.turn()), ["c"], "and nothing is left to be waited for");
    let plan = world.turn();
    assert!(plan.actions.iter().any(|action| matches!(action.intent, Intent::TakeOver { .. })), "{plan:?}");
}

#[test]
fn a_beat_of_another_start_is_no_sign_of_the_one_that_is_missed() {
    let mut world = World::of(3);
    world.reachable_since = world.now;
    world.pass(seconds(1));
    world.put(&beat_key(&"c".into()), &Beat { incarnation: Incarnation(99), beat: 2 });
    world.lose(2);
    world.pass(Timing::default().lease());
    assert!(fenced(&world.turn()).is_empty());
}

#[test]
fn a_majority_is_never_fenced_at_once() {
    let mut world = World::of(5);
    assert!(lose(&mut world, &[2, 3, 4]).is_empty());
    assert!(world.plan().held.iter().any(|held| matches!(held, Held::Majority { lost: 3, of: 5, .. })));
    // An operator knows better about one of them. The others are still too many.
    world.fence(4, FenceReason::Operator);
    assert!(fenced(&world.turn()).is_empty());

    let mut world = World::of(5);
    assert_eq!(lose(&mut world, &[3, 4]).len(), 2);
    assert!(lose(&mut world, &[2]).is_empty(), "the third within one window");
    world.pass(Timing::default().window() + seconds(1));
    assert_eq!(fenced(&world.turn()), ["c"]);
}

#[test]
fn one_of_two_is_no_majority_and_one_of_one_has_no_heir() {
    assert_eq!(lose(&mut World::of(2), &[1]), ["b"]);
    assert!(lose(&mut World::of(1), &[0]).is_empty());
}

#[test]
fn a_node_started_anew_is_fenced_under_its_former_incarnation_though_all_are() {
    let mut world = World::of(2);
    for index in 0..2 {
        let party = Party { incarnation: Incarnation(100 + index as u64), ..World::party(index) };
        world.lose(index);
        world.join_as(&party);
    }
    world.reachable_since = world.now;
    assert_eq!(fenced(&world.turn()).len(), 2);
    world.settle();
    assert_eq!(world.holding(0).incarnation, Incarnation(100));
    assert_eq!(world.counts().into_values().sum::<usize>(), 16384);
}

#[test]
fn shares_are_mended_after_owners_came_back_one_after_the_other() {
    let mut world = World::of(3);
    let anew = |index: usize| Party { incarnation: Incarnation(100 + index as u64), ..World::party(index) };
    // Nobody who is merely missing is given up yet; who has started anew is, under its former incarnation.
    world.reachable_since = world.now;
    world.lose(1);
    world.lose(2);
    for index in [1, 2] {
        world.join_as(&anew(index));
        assert_eq!(fenced(&world.turn()).len(), 1);
        world.pass(Timing::default().outlasts());
        world.turn();
    }
    let counts: Vec<_> = world.counts().into_values().collect();
    assert!(counts.len() == 3 && counts.iter().any(|count| *count < 5000), "some came late, none empty: {counts:?}");
    world.settle();
    let is_near = |count: usize| count.abs_diff(5461) <= 5461 * 2 / 100;
    assert!(world.counts().into_values().all(is_near), "{:?}", world.counts());
    assert!(world.mirror.rebalance("g").is_none());
}

#[test]
fn a_node_that_crashed_and_is_back_before_the_others_have_settled_gets_its_whole_share() {
    let mut world = World::of(2);
    world.lose(1);
    world.turn();
    world.pass(Timing::default().outlasts());
    world.turn();
    let reason = |world: &World| world.mirror.rebalance("g").map(|seen| seen.record.reason);
    assert_eq!(reason(&world), Some(RebalanceReason::Failover), "nobody has looked yet whether it is needed");
    world.join_as(&Party { incarnation: Incarnation(101), ..World::party(1) });
    let intents = world.settle();
    assert_eq!(moved(&intents), 8192, "no slot moves twice");
    assert_eq!(world.counts().into_values().collect::<Vec<_>>(), [8192, 8192]);
    assert_eq!(reason(&world), None);
}
