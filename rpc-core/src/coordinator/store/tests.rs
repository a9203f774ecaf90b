//! The store against a naive model, and its bounds.

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::bounds::{MAX_HISTORY, MAX_TXN_PARTS, MAX_VALUE};
use super::*;

const TTL: Duration = Duration::from_secs(5);

fn put(key: &str, value: &str, lease: Option<LeaseId>) -> Op {
    Op::Put { key: key.to_owned(), value: Bytes::copy_from_slice(value.as_bytes()), lease }
}

fn carry_out(store: &mut Store, order: &Order, now: Duration) -> Result<Done, CoordinatorError> {
    store.observe(now);
    let (step, done) = store.plan(order, now)?;
    store.apply(step, now);
    Ok(done)
}

fn transact(store: &mut Store, txn: Txn) -> Result<TxnOutcome, CoordinatorError> {
    match carry_out(store, &Order::Transact(txn), Duration::ZERO)? {
        Done::Transact(outcome) => Ok(outcome),
        other => panic!("{other:?}"),
    }
}

fn write(store: &mut Store, key: &str) -> Result<TxnOutcome, CoordinatorError> {
    transact(store, Txn { ops: vec![put(key, "v", None)], ..Txn::default() })
}

/// Values, the revisions that wrote them, and their leases, by key.
type State = HashMap<String, (Vec<u8>, Revision, Option<LeaseId>)>;

/// What the store should be, told in the plainest way: every state that there ever was.
#[derive(Default)]
struct Model {
    states: Vec<State>,
    leases: HashMap<LeaseId, Duration>,
}

#[derive(Clone, Debug)]
enum Act {
    Txn { compares: Vec<(u8, u8)>, ops: Vec<(u8, bool, bool)>, reads: Vec<u8> },
    Grant,
    KeepAlive,
    Revoke,
    Wait(u16),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let compares = prop::collection::vec((0..5_u8, 0..4_u8), 0..3);
    let ops = prop::collection::btree_map(0..5_u8, any::<(bool, bool)>(), 0..4);
    let ops = ops.prop_map(|ops| ops.into_iter().map(|(key, (write, lease))| (key, write, lease)).collect());
    let txn = (compares, ops, prop::collection::vec(0..5_u8, 0..3));
    let act = prop_oneof![
        6 => txn.prop_map(|(compares, ops, reads)| Act::Txn { compares, ops, reads }),
        1 => Just(Act::Grant),
        1 => Just(Act::KeepAlive),
        1 => Just(Act::Revoke),
        2 => (0..900_u16).prop_map(Act::Wait),
    ];
    prop::collection::vec(act, 1..80)
}

impl Model {
    fn now(&self) -> State {
        self.states.last().cloned().unwrap_or_default()
    }

    fn end(&mut self, ended: &[LeaseId]) {
        self.leases.retain(|lease, _| !ended.contains(lease));
        let before = self.now();
        let mut next = before.clone();
        next.retain(|_, (_, _, lease)| lease.is_none_or(|lease| !ended.contains(&lease)));
        if next.len() < before.len() {
            self.states.push(next);
        }
    }

    fn transact(&mut self, txn: &Txn) -> bool {
        let revision = self.states.len() as Revision + 1;
        let mut next = self.now();
        let holds = |compare: &Compare| match compare {
            Compare::Absent(key) => !next.contains_key(key),
            Compare::Present(key) => next.contains_key(key),
            Compare::Unchanged(key, revision) => next.get(key).is_some_and(|(_, at, _)| at == revision),
        };
        if !txn.compares.iter().all(holds) {
            return false;
        }
        let mut changed = false;
        for op in &txn.ops {
            match op {
                Op::Put { key, value, lease } => {
                    next.insert(key.clone(), (value.to_vec(), revision, *lease));
                    changed = true;
                }
                Op::Delete(key) => changed |= next.remove(key).is_some(),
            }
        }
        if changed {
            self.states.push(next);
        }
        true
    }
}

fn key(number: u8) -> String {
    format!("k/{number}")
}

fn txn_of(model: &Model, act: &Act, lease: Option<LeaseId>, text: usize) -> Option<Txn> {
    let Act::Txn { compares, ops, reads } = act else { return None };
    let now = model.now();
    let compare = |(number, kind): &(u8, u8)| match kind {
        0 => Compare::Absent(key(*number)),
        1 => Compare::Present(key(*number)),
        2 => Compare::Unchanged(key(*number), now.get(&key(*number)).map_or(1, |(_, revision, _)| *revision)),
        _ => Compare::Unchanged(key(*number), 1),
    };
    let op = |(number, write, leased): &(u8, bool, bool)| match write {
        true => put(&key(*number), &text.to_string(), lease.filter(|_| *leased)),
        false => Op::Delete(key(*number)),
    };
    Some(Txn {
        compares: compares.iter().map(compare).collect(),
        ops: ops.iter().map(op).collect(),
        reads: reads.iter().copied().map(key).collect(),
    })
}

fn check(store: &Store, model: &Model) {
    let range = store.range("").expect("a range");
    let now = model.now();
    assert_eq!(range.revision, model.states.len() as Revision);
    assert_eq!(range.entries.len(), now.len());
    for entry in &range.entries {
        let (value, revision, lease) = &now[&entry.key];
        assert_eq!((&entry.value[..], entry.revision, entry.lease), (&value[..], *revision, *lease));
    }
    // A watch from any revision on leads from the state before it to the state now.
    for from in 1..=range.revision + 1 {
        let mut state = from.checked_sub(2).map(|before| model.states[before as usize].clone()).unwrap_or_default();
        for event in store.changes("k/", from).expect("changes").events {
            match event {
                Event::Put(entry) => {
                    state.insert(entry.key, (entry.value.to_vec(), entry.revision, entry.lease));
                }
                Event::Deleted { key, .. } => assert!(state.remove(&key).is_some()),
            }
        }
        assert_eq!(state, now, "from {from}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_store_does_what_the_naive_model_does(acts in acts()) {
        let (mut store, mut model, mut now) = (Store::new(), Model::default(), Duration::ZERO);
        let mut lease = None;
        for (number, act) in acts.iter().enumerate() {
            match act {
                Act::Txn { .. } => {
                    let txn = txn_of(&model, act, lease, number).expect("a transaction");
                    let done = carry_out(&mut store, &Order::Transact(txn.clone()), now).expect("done");
                    let applied = model.transact(&txn);
                    let state = model.now();
                    let Done::Transact(outcome) = done else { panic!("{done:?}") };
                    prop_assert_eq!(outcome.applied, applied);
                    prop_assert_eq!(outcome.revision, model.states.len() as Revision);
                    let read: Vec<_> = outcome.reads.iter().map(|entry| entry.key.clone()).collect();
                    let there: Vec<_> = txn.reads.iter().filter(|key| state.contains_key(*key)).cloned().collect();
                    prop_assert_eq!(read, there);
                }
                Act::Grant => {
                    let Done::Grant(id) = carry_out(&mut store, &Order::Grant(TTL), now).expect("a lease") else { panic!() };
                    model.leases.insert(id, now + TTL);
                    lease = Some(id);
                }
                Act::KeepAlive => {
                    let kept = lease.map(|lease| store.keep_alive(lease, now));
                    prop_assert_eq!(kept.is_some_and(|kept| kept.is_ok()), lease.is_some());
                    if let Some(lease) = lease { model.leases.insert(lease, now + TTL); }
                }
                Act::Revoke => if let Some(lease) = lease.take() {
                    carry_out(&mut store, &Order::Revoke(lease), now).expect("revoked");
                    model.end(&[lease]);
                },
                Act::Wait(millis) => {
                    now += Duration::from_millis(u64::from(*millis));
                    let ended: Vec<_> = model.leases.iter().filter(|(_, ends)| **ends <= now).map(|(id, _)| *id).collect();
                    lease = lease.filter(|lease| !ended.contains(lease));
                    store.observe(now);
                    prop_assert_eq!(store.has_expired(now), !ended.is_empty());
                    carry_out(&mut store, &Order::Expire, now).expect("ended");
                    model.end(&ended);
                }
            }
            check(&store, &model);
        }
    }
}

#[test]
fn a_watcher_that_stays_behind_is_told_to_list_again() {
    let mut store = Store::new();
    for _ in 0..MAX_HISTORY + 10 {
        write(&mut store, "k").expect("written");
    }
    assert_eq!(store.changes("", 10), Err(CoordinatorError::Compacted { oldest: 11 }));
    assert_eq!(store.changes("", 11).expect("kept").events.len(), MAX_HISTORY);
}

#[test]
fn a_revision_that_was_never_told_here_is_another_stores() {
    let mut store = Store::new();
    write(&mut store, "k").expect("written");
    assert!(store.changes("", 2).is_ok());
    assert!(matches!(store.changes("", 3), Err(CoordinatorError::Changed(_))));
}

#[test]
fn what_is_beyond_a_bound_is_refused_and_changes_nothing() {
    let mut store = Store::new();
    let many = (0..=MAX_TXN_PARTS).map(|n| put(&n.to_string(), "", None)).collect();
    let long = "k".repeat(bounds::MAX_KEY + 1);
    let large = "v".repeat(MAX_VALUE + 1);
    let all_large = (0..9).map(|n| put(&n.to_string(), &large[1..], None)).collect();
    let no_text = Op::Put { key: "k".into(), value: Bytes::from_static(&[0xff]), lease: None };
    for ops in [
        many,
        vec![put(&long, "", None)],
        vec![put("", "", None)],
        vec![put("k", &large, None)],
        all_large,
        vec![put("k", "", None), Op::Delete("k".into())],
        vec![no_text],
    ] {
        let refused = transact(&mut store, Txn { ops, ..Txn::default() });
        assert!(matches!(refused, Err(CoordinatorError::Refused(_))), "{refused:?}");
    }
    let zero = Txn { compares: vec![Compare::Unchanged("k".into(), 0)], ..Txn::default() };
    assert!(matches!(transact(&mut store, zero), Err(CoordinatorError::Refused(_))));
    assert!(carry_out(&mut store, &Order::Grant(Duration::ZERO), Duration::ZERO).is_err());
    assert!(matches!(store.range(&long), Err(CoordinatorError::Refused(_))));
    assert_eq!((store.revision(), store.number()), (0, 0));
}

#[test]
fn a_full_store_takes_deletions_and_smaller_values() {
    let mut store = Store::new();
    for batch in 0..MAX_KEYS / MAX_TXN_PARTS {
        let ops = (0..MAX_TXN_PARTS).map(|n| put(&format!("{batch}/{n}"), "value", None)).collect();
        transact(&mut store, Txn { ops, ..Txn::default() }).expect("room");
    }
    assert!(matches!(write(&mut store, "more"), Err(CoordinatorError::Full(_))));
    write(&mut store, "0/0").expect("no key more");
    transact(&mut store, Txn { ops: vec![Op::Delete("0/1".into())], ..Txn::default() }).expect("one less");
    write(&mut store, "more").expect("room again");
}

#[test]
fn leases_go_on_after_a_pause_of_the_store_itself() {
    let mut store = Store::new();
    carry_out(&mut store, &Order::Grant(TTL), Duration::ZERO).expect("a lease");
    store.observe(4 * TTL);
    assert!(!store.has_expired(4 * TTL));
    store.observe(4 * TTL + Duration::from_millis(900));
    assert!(store.keep_alive(1, 4 * TTL + Duration::from_millis(900)).is_ok());
}

#[test]
fn a_lease_whose_time_is_over_takes_no_keys_and_is_not_kept_alive() {
    let mut store = Store::new();
    carry_out(&mut store, &Order::Grant(TTL), Duration::ZERO).expect("a lease");
    let late = Order::Transact(Txn { ops: vec![put("k", "v", Some(1))], ..Txn::default() });
    assert_eq!(store.plan(&late, TTL).unwrap_err(), CoordinatorError::LeaseGone);
    assert_eq!(store.keep_alive(1, TTL), Err(CoordinatorError::LeaseGone));
}

#[test]
fn a_restored_store_goes_on_where_it_was_with_whole_leases() {
    let entry = Entry { key: "k".into(), value: Bytes::from_static(b"v"), revision: 7, lease: Some(3) };
    let kept = Kept { number: 12, revision: 9, entries: vec![entry.clone()], leases: vec![(3, TTL)] };
    let mut store = Store::restored(kept, Duration::from_secs(100));
    assert_eq!(store.range("").expect("a range"), Range { revision: 9, entries: vec![entry] });
    assert_eq!(store.changes("", 9), Err(CoordinatorError::Compacted { oldest: 10 }));
    assert!(store.changes("", 10).expect("from now on").events.is_empty());
    assert!(!store.has_expired(Duration::from_millis(104_999)));
    let end = Duration::from_secs(105);
    carry_out(&mut store, &Order::Expire, end - Duration::from_millis(500)).expect("nothing yet");
    carry_out(&mut store, &Order::Expire, end).expect("ended");
    assert_eq!(store.range("").expect("a range"), Range { revision: 10, entries: vec![] });
}
