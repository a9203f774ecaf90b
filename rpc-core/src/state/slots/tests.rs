//! What a map of slots promises: to calls, and to whoever moves a slot.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::entries::Entries;
use super::*;
use crate::call::Context;
use crate::error::Executed;
use crate::service::{MethodDescriptor, Routing};

static METHOD: MethodDescriptor = MethodDescriptor {
    service: "Probe",
    group: "default",
    name: "put",
    full_name: "Probe.put",
    routing: Routing::Key,
    params: &["key"],
    key: &["key"],
    docs: "",
    read: false,
    idempotent: false,
    streams: false,
    detach: false,
    slot_of: None,
    merge: None,
    compact: None,
};

fn slot_of(key: &String) -> Result<Slot, RpcError> {
    Ok(Slot::of_text(key.as_bytes()))
}

/// A map of a node that has authority as long as the flag says so.
fn map<V: Value>(group: &str) -> (Slots<String, V>, Arc<AtomicBool>) {
    let holds = Arc::new(AtomicBool::new(true));
    let asked = holds.clone();
    let may_execute = Box::new(move || asked.load(Ordering::Relaxed));
    (Slots::build("Probe.values", slot_of, Gate::Node { group: group.to_owned(), may_execute }), holds)
}

/// Runs `body` as a provider's method does that was called for `key` in `epoch`.
fn in_call<R>(key: &str, epoch: u64, body: impl FnOnce() -> R) -> R {
    let slot = Slot::of_text(key.as_bytes());
    let context = Context { method: Some(&METHOD), slot: Some(slot), epoch, ..Context::default() };
    Context::enter(&mut Some(Box::new(context)), body)
}

fn key(text: &str) -> (String, Slot) {
    (text.to_owned(), Slot::of_text(text.as_bytes()))
}

fn opened(epoch: u64) -> (Slots<String, u64>, String, Slot) {
    let (map, _) = map("default");
    let (key, slot) = key("foo");
    map.open(slot, epoch, Content::Empty).unwrap();
    (map, key, slot)
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, RpcError>, kind: Kind, executed: Executed) {
    let error = answer.expect_err("refused");
    assert_eq!((error.kind(), error.executed()), (kind, executed), "{error}");
}

#[test]
fn a_call_changes_its_own_slot() {
    let (map, key, slot) = opened(1);
    in_call("foo", 1, || {
        assert_eq!(map.update(&key, 0, |value| *value += 2), Ok(()));
        assert_eq!(map.insert(&key, 7), Ok(Some(2)));
        assert_eq!(map.get(&key), Ok(Some(7)));
        assert_eq!(map.remove(&key), Ok(Some(7)));
        assert_eq!(map.get(&key), Ok(None));
        assert_eq!(map.insert(&key, 1), Ok(None));
    });
    let mut seen = Vec::new();
    map.each_owned(|at, key, value| seen.push((at, key.clone(), *value))).unwrap();
    assert_eq!((seen, map.len()), (vec![(slot, key, 1)], 1));
}

#[test]
fn whatever_is_not_the_running_calls_own_is_refused() {
    let (map, key, _) = opened(3);
    refused(map.get(&key), Kind::Internal, Executed::No);
    refused(in_call("bar", 3, || map.insert(&key, 1)), Kind::SlotMismatch, Executed::No);
    refused(in_call("foo", 2, || map.insert(&key, 1)), Kind::WrongEpoch, Executed::Maybe);
    refused(in_call("foo", 0, || map.insert(&key, 1)), Kind::WrongEpoch, Executed::Maybe);
    let (other, _) = self::map::<u64>("urls");
    refused(in_call("foo", 3, || other.insert(&key, 1)), Kind::SlotMismatch, Executed::No);
    assert!(map.is_empty());
}

#[test]
fn a_call_without_a_key_has_no_slot_to_change() {
    let (map, key, _) = opened(1);
    let context = Context { method: Some(&METHOD), ..Context::default() };
    refused(Context::enter(&mut Some(Box::new(context)), || map.get(&key)), Kind::Internal, Executed::No);
}

#[test]
fn what_a_poll_writes_after_its_slot_went_on_is_discarded() {
    let (map, key, slot) = opened(1);
    in_call("foo", 1, || {
        map.insert(&key, 1).unwrap();
        map.close(slot);
        refused(map.insert(&key, 2), Kind::WrongEpoch, Executed::Maybe);
        map.open(slot, 2, Content::Kept).unwrap();
        refused(map.insert(&key, 2), Kind::WrongEpoch, Executed::Maybe);
    });
    assert_eq!(in_call("foo", 2, || map.get(&key)), Ok(Some(1)));
}

#[test]
fn nothing_is_written_after_authority_has_lapsed_even_in_between() {
    let (map, holds) = map::<u64>("default");
    let (key, slot) = key("foo");
    map.open(slot, 1, Content::Empty).unwrap();
    let lapses = in_call("foo", 1, || {
        map.with(&key, |value| {
            holds.store(false, Ordering::Relaxed);
            *value = Some(1);
        })
    });
    refused(lapses, Kind::NoAuthority, Executed::Maybe);
    refused(in_call("foo", 1, || map.get(&key)), Kind::NoAuthority, Executed::Maybe);
    holds.store(true, Ordering::Relaxed);
    assert_eq!(in_call("foo", 1, || map.get(&key)), Ok(None), "the state is kept, without the late write");
}

#[test]
fn a_closure_that_panics_leaves_the_old_value() {
    let (map, key, _) = opened(1);
    in_call("foo", 1, || map.insert(&key, 1)).unwrap();
    let panics = || {
        in_call("foo", 1, || {
            map.update(&key, 0, |value| {
                *value = 2;
                panic!("half way");
            })
        })
    };
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert_eq!(in_call("foo", 1, || map.get(&key)), Ok(Some(1)));
}

#[test]
fn a_map_within_a_closure_is_an_error_and_no_deadlock() {
    let (map, key, _) = opened(1);
    let nested = in_call("foo", 1, || map.with(&key, |_| map.get(&key)));
    refused(nested.unwrap(), Kind::Internal, Executed::No);
    let mut visited = Ok(None);
    in_call("foo", 1, || map.insert(&key, 1)).unwrap();
    map.each_owned(|_, key, _| visited = in_call("foo", 1, || map.get(key))).unwrap();
    refused(visited, Kind::Internal, Executed::No);
    let counts = || in_call("foo", 1, || map.update(&key, 0, |value| *value = map.len() as u64));
    assert!(catch_unwind(AssertUnwindSafe(counts)).is_err());
    assert_eq!((in_call("foo", 1, || map.get(&key)), map.len()), (Ok(Some(1)), 1), "nothing is locked behind it");
}

#[test]
fn a_value_that_could_not_move_is_refused_when_it_is_written() {
    let (map, _) = map::<f64>("default");
    let (key, slot) = key("foo");
    map.open(slot, 1, Content::Empty).unwrap();
    in_call("foo", 1, || {
        map.insert(&key, 1.5).unwrap();
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            refused(map.insert(&key, bad), Kind::Encode, Executed::No);
        }
        assert_eq!(map.get(&key), Ok(Some(1.5)));
    });
}

#[test]
fn what_is_taken_can_be_moved_however_deep_and_the_rest_is_refused() {
    let nested = |depth: usize| (0..depth).fold(serde_json::Value::Null, |inner, _| vec![inner].into());
    let ((from, _), (to, _)) = (map::<serde_json::Value>("default"), map::<serde_json::Value>("default"));
    let (key, slot) = key("foo");
    from.open(slot, 1, Content::Empty).unwrap();
    in_call("foo", 1, || {
        refused(from.insert(&key, nested(125)), Kind::Encode, Executed::No);
        from.insert(&key, nested(124)).unwrap();
        refused(from.insert(&key, "x".repeat(MAX_ENTRY).into()), Kind::Encode, Executed::No);
    });
    assert_eq!(copy(&from, &to, slot, 1, || ()), 1);
    assert_eq!(to.staged(slot).unwrap(), 1);
}

#[test]
fn a_map_for_tests_asks_nobody() {
    let map: Slots<String, u64> = Slots::build("test", slot_of, Gate::Standalone);
    for (n, text) in ["foo", "bar", "baz"].into_iter().enumerate() {
        map.insert(&text.to_owned(), n as u64).unwrap();
    }
    assert_eq!((map.len(), map.get(&"bar".to_owned())), (3, Ok(Some(1))));
}

#[test]
fn a_map_of_no_node_says_so() {
    let map: Slots<String, u64> = Slots::build("lost", slot_of, Gate::Nowhere("this program is no node"));
    let error = in_call("foo", 1, || map.get(&"foo".to_owned())).expect_err("nowhere");
    assert!(error.message().contains("this program is no node"), "{error}");
}

/// Copies `slot` to its end, with `change` after each piece.
fn copy<V: Value>(
    from: &Slots<String, V>,
    to: &Slots<String, V>,
    slot: Slot,
    max_bytes: usize,
    mut change: impl FnMut(),
) -> usize {
    from.begin_copy(slot).unwrap();
    let mut pieces = 0;
    loop {
        let pulled = from.pull(slot, max_bytes).unwrap();
        to.stage(slot, &pulled.piece).unwrap();
        pieces += 1;
        if pulled.pending == 0 {
            change();
            let last = from.pull(slot, usize::MAX).unwrap();
            to.stage(slot, &last.piece).unwrap();
            assert_eq!(last.pending, 0);
            break;
        }
        change();
    }
    from.end_copy(slot);
    pieces
}

#[test]
fn a_staged_slot_is_invisible_until_it_is_opened() {
    let (from, key, slot) = opened(1);
    in_call("foo", 1, || from.insert(&key, 7)).unwrap();
    let (to, _) = map::<u64>("default");
    copy(&from, &to, slot, 1000, || {});
    assert_eq!(
        (from.entries(slot).unwrap(), to.staged(slot).unwrap(), to.entries(slot).unwrap(), to.len()),
        (1, 1, 0, 0)
    );
    refused(in_call("foo", 2, || to.get(&key)), Kind::WrongEpoch, Executed::Maybe);
    to.open(slot, 2, Content::Staged).unwrap();
    assert_eq!(in_call("foo", 2, || to.get(&key)), Ok(Some(7)));
    assert_eq!((to.staged(slot).unwrap(), to.len()), (0, 1));
}

#[test]
fn staging_leaves_alone_what_is_served() {
    let (from, key, slot) = opened(1);
    in_call("foo", 1, || from.insert(&key, 7)).unwrap();
    let (to, _, _) = opened(5);
    in_call("foo", 5, || to.insert(&key, 1)).unwrap();
    copy(&from, &to, slot, 1000, || {});
    assert_eq!(in_call("foo", 5, || to.get(&key)), Ok(Some(1)));
    to.discard(slot);
    assert_eq!((to.staged(slot).unwrap(), to.entries(slot).unwrap()), (0, 1));
}

#[test]
fn a_slot_begins_with_what_it_is_opened_with() {
    let (map, key, slot) = opened(1);
    let get = |epoch| in_call("foo", epoch, || map.get(&key));
    in_call("foo", 1, || map.insert(&key, 1)).unwrap();
    map.close(slot);
    assert_eq!((map.len(), map.entries(slot).unwrap()), (0, 1), "closed, it is kept to recover from");
    map.open(slot, 2, Content::Kept).unwrap();
    assert_eq!(get(2), Ok(Some(1)));
    map.open(slot, 3, Content::Empty).unwrap();
    assert_eq!(get(3), Ok(None));
    in_call("foo", 3, || map.insert(&key, 1)).unwrap();
    map.close(slot);
    map.forget(slot);
    assert_eq!(map.entries(slot).unwrap(), 0);
    assert!(map.open(slot, 0, Content::Empty).is_err(), "0 is no epoch");
}

#[test]
fn a_piece_of_another_form_or_slot_is_unreadable() {
    let (map, _, slot) = opened(1);
    let cases = [
        (r#"{"v":2,"put":[["foo",1]],"gone":[]}"#, "version 2"),
        (r#"{"v":9,"entries":"otherwise"}"#, "version 9"),
        (r#"{"v":1,"put":[["bar",1]],"gone":[]}"#, "of slot 5061"),
        (r#"{"v":1,"put":[],"gone":["bar"]}"#, "of slot 5061"),
        (r#"{"v":1,"put":[["foo","text"]],"gone":[]}"#, "invalid type"),
        (r#"{"v":1,"put":[["foo",1]],"gone":[]"#, "EOF"),
        (r#"{"v":1,"put":[["foo",1]],"gone":[],"more":1}"#, "unknown field"),
        ("\0\0", "expected"),
    ];
    for (piece, expected) in cases {
        match map.stage(slot, piece.as_bytes()) {
            Err(StateError::Unreadable { why, .. }) => assert!(why.contains(expected), "{piece}: {why}"),
            other => panic!("{piece}: {other:?}"),
        }
    }
    assert_eq!(map.staged(slot).unwrap(), 0);
}

#[test]
fn a_pull_without_a_copy_is_an_error() {
    let (map, _, slot) = opened(1);
    assert!(matches!(map.pull(slot, 100), Err(StateError::Store { .. })));
}

#[test]
fn an_idle_slot_gives_its_memory_back() {
    let (map, key, slot) = opened(1);
    in_call("foo", 1, || map.insert(&key, 1)).unwrap();
    in_call("foo", 1, || map.remove(&key)).unwrap();
    assert!(map.cell(slot).entries().is_none());
}

#[derive(Clone, Debug)]
enum Op {
    Put(u8, u64),
    Remove(u8),
}

fn ops() -> impl Strategy<Value = Vec<Vec<Op>>> {
    // Few keys, so that many come, change, go and come again during one copy.
    let op = prop_oneof![
        3 => (0..24_u8, any::<u64>()).prop_map(|(key, value)| Op::Put(key, value)),
        2 => (0..24_u8).prop_map(Op::Remove),
    ];
    prop::collection::vec(prop::collection::vec(op, 0..20), 1..20)
}

fn apply(map: &Slots<String, u64>, ops: &[Op]) {
    let key = |number: &u8| format!("{{foo}}{number}");
    in_call("foo", 1, || {
        for op in ops {
            match op {
                Op::Put(number, value) => drop(map.insert(&key(number), *value).unwrap()),
                Op::Remove(number) => drop(map.remove(&key(number)).unwrap()),
            }
        }
    });
}

fn contents(map: &Slots<String, u64>) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    map.each_owned(|_, key, value| {
        all.insert(key.clone(), *value);
    })
    .unwrap();
    all
}

proptest! {
    // Each case makes two tables of all slots.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_copy_under_load_ends_equal(before in ops(), during in ops(), max_bytes in 1..200_usize) {
        let (from, _, slot) = opened(1);
        let (to, _) = map("default");
        before.iter().for_each(|ops| apply(&from, ops));
        let mut during = during.iter();
        copy(&from, &to, slot, max_bytes, || if let Some(ops) = during.next() { apply(&from, ops) });
        prop_assert_eq!(from.entries(slot).unwrap(), to.staged(slot).unwrap());
        to.open(slot, 2, Content::Staged).unwrap();
        prop_assert_eq!(contents(&from), contents(&to));
    }

    #[test]
    fn a_copy_remembers_no_more_than_it_gave_away(ops in ops(), given in 0..24_usize) {
        let mut entries: Entries<u8, u64> = (0..24).map(|key| (key, 0)).collect();
        entries.begin_copy();
        let mut piece = PieceWriter::default();
        for _ in 0..given {
            let before = piece.len();
            entries.pull(&mut piece, before + 1).unwrap();
        }
        for op in ops.iter().flatten() {
            match op {
                Op::Put(key, value) => entries.put(key, *value),
                Op::Remove(key) => entries.remove(key),
            }
            prop_assert!(entries.remembered() <= given, "{} of {given}", entries.remembered());
            for (key, value) in entries.iter() {
                prop_assert_eq!(entries.get(key), Some(value));
            }
        }
    }
}
