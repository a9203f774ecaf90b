//! Keys, transactions and watches.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::BoxStream;
use rpc_core::coordinator::bounds::{MAX_KEY, MAX_TXN_PARTS, MAX_VALUE};
use rpc_core::coordinator::{
    Changes, Compare, Coordinator, CoordinatorError, Event, LeaseId, Op, Revision, Txn, TxnOutcome,
};
use tokio::time::{Instant, timeout};

use crate::wait::soon;

pub(crate) type Any = Arc<dyn Coordinator>;
pub(crate) type Watch = BoxStream<'static, Result<Changes, CoordinatorError>>;

pub(crate) fn put(key: &str, value: &str) -> Op {
    put_under(key, value, None)
}

pub(crate) fn put_under(key: &str, value: &str, lease: Option<LeaseId>) -> Op {
    Op::Put { key: key.to_owned(), value: Bytes::copy_from_slice(value.as_bytes()), lease }
}

pub(crate) async fn write(coordinator: &dyn Coordinator, ops: Vec<Op>) -> TxnOutcome {
    coordinator.transact(Txn { ops, ..Txn::default() }).await.unwrap()
}

/// Keys and values under a prefix.
pub(crate) async fn read(coordinator: &dyn Coordinator, prefix: &str) -> Vec<(String, String)> {
    let range = coordinator.range(prefix).await.unwrap();
    range.entries.into_iter().map(|entry| (entry.key, String::from_utf8(entry.value.to_vec()).unwrap())).collect()
}

/// The next events of a watch, signs of life passed over.
pub(crate) async fn next_events(watch: &mut Watch) -> Result<Changes, CoordinatorError> {
    let next = async {
        loop {
            let changes = watch.next().await.expect("a watch ends with an error")?;
            if !changes.events.is_empty() {
                return Ok(changes);
            }
        }
    };
    soon("events of a watch", next).await
}

/// Events until there are so many.
pub(crate) async fn events(watch: &mut Watch, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    while events.len() < count {
        let changes = next_events(watch).await.unwrap();
        assert!(changes.events.iter().all(|event| revision(event) <= changes.revision));
        events.extend(changes.events);
    }
    events
}

pub(crate) fn revision(event: &Event) -> Revision {
    match event {
        Event::Put(entry) => entry.revision,
        Event::Deleted { revision, .. } => *revision,
    }
}

pub(crate) fn key(event: &Event) -> &str {
    match event {
        Event::Put(entry) => &entry.key,
        Event::Deleted { key, .. } => key,
    }
}

pub(crate) async fn of_a_hundred_who_compare_and_set_one_wins(coordinator: &Any) {
    let mut compare = Compare::Absent("race".to_owned());
    for round in 0..5 {
        let racer = |number: usize| {
            let (coordinator, compare) = (coordinator.clone(), compare.clone());
            tokio::spawn(async move {
                let ops = vec![put("race", &format!("{round}/{number}"))];
                coordinator
                    .transact(Txn { compares: vec![compare], ops, reads: vec!["race".to_owned()] })
                    .await
                    .unwrap()
            })
        };
        let outcomes: Vec<TxnOutcome> = join_all((0..100).map(racer)).await.into_iter().map(Result::unwrap).collect();
        let winners: Vec<_> = outcomes.iter().filter(|outcome| outcome.applied).collect();
        assert_eq!(winners.len(), 1, "round {round}");
        let now = coordinator.range("race").await.unwrap().entries.remove(0);
        assert_eq!(winners[0].reads, std::slice::from_ref(&now));
        assert_eq!(winners[0].revision, now.revision);
        compare = Compare::Unchanged("race".to_owned(), now.revision);
    }
}

pub(crate) async fn a_transaction_reads_at_its_end(coordinator: &Any) {
    write(&**coordinator, vec![put("a", "1"), put("c", "1")]).await;
    let reads: Vec<String> = ["c", "missing", "a", "b"].map(str::to_owned).to_vec();
    let ops = vec![put("b", "2"), Op::Delete("a".to_owned())];
    let txn = Txn { compares: vec![Compare::Present("a".to_owned())], ops, reads };
    let outcome = coordinator.transact(txn.clone()).await.unwrap();
    assert!(outcome.applied);
    let read: Vec<_> = outcome.reads.iter().map(|entry| (&entry.key[..], &entry.value[..])).collect();
    assert_eq!(read, [("c", &b"1"[..]), ("b", b"2")]);
    assert_eq!(outcome.reads[1].revision, outcome.revision);
    // The same again does nothing, reads all the same, and is no change.
    let again = coordinator.transact(txn).await.unwrap();
    assert_eq!((again.applied, again.revision, again.reads), (false, outcome.revision, outcome.reads));
}

pub(crate) async fn a_transaction_is_all_or_nothing(coordinator: &Any) {
    write(&**coordinator, vec![put("a", "1")]).await;
    let compares = vec![Compare::Present("a".to_owned()), Compare::Absent("a".to_owned())];
    let txn = Txn { compares, ops: vec![put("b", "2"), Op::Delete("a".to_owned())], ..Txn::default() };
    assert!(!coordinator.transact(txn).await.unwrap().applied);
    let gone = Txn { ops: vec![put("b", "2"), put_under("c", "3", Some(4_711))], ..Txn::default() };
    assert_eq!(coordinator.transact(gone).await, Err(CoordinatorError::LeaseGone));
    assert_eq!(read(&**coordinator, "").await, [("a".to_owned(), "1".to_owned())]);
}

pub(crate) async fn a_key_made_anew_is_not_the_one_it_was(coordinator: &Any) {
    let first = write(&**coordinator, vec![put("a", "1")]).await.revision;
    write(&**coordinator, vec![Op::Delete("a".to_owned())]).await;
    let nothing = write(&**coordinator, vec![Op::Delete("a".to_owned())]).await.revision;
    assert_eq!(nothing, first + 1, "removing nothing is no change");
    let second = write(&**coordinator, vec![put("a", "1")]).await.revision;
    for (at, holds) in [(first, false), (second, true)] {
        let compares = vec![Compare::Unchanged("a".to_owned(), at)];
        let outcome = coordinator.transact(Txn { compares, ..Txn::default() }).await.unwrap();
        assert_eq!((outcome.applied, outcome.revision), (holds, second));
    }
}

pub(crate) async fn a_range_and_a_telling_hold_whole_transactions(coordinator: &Any) {
    let first = write(&**coordinator, vec![put("p/a", "0"), put("p/b", "0"), put("q", "0")]).await.revision;
    let mut watch = coordinator.watch("p/", first + 1).await.unwrap();
    let writer = coordinator.clone();
    let writing = tokio::spawn(async move {
        for number in 1..=40 {
            write(&*writer, vec![put("p/a", &number.to_string()), put("p/b", &number.to_string())]).await;
        }
    });
    let mut told = 0;
    while told < 80 {
        let range = coordinator.range("p/").await.unwrap();
        assert_eq!(range.entries.len(), 2);
        assert_eq!(range.entries[0].value, range.entries[1].value);
        let changes = next_events(&mut watch).await.unwrap();
        told += changes.events.len();
        let last = changes.events.iter().filter(|event| revision(event) == changes.revision).count();
        assert_eq!(last, 2, "a telling ends with a whole revision");
    }
    writing.await.unwrap();
}

pub(crate) async fn a_watch_from_a_past_revision_tells_the_rest_in_order(coordinator: &Any) {
    let mut revisions = Vec::new();
    for number in 0..6 {
        let ops = vec![put(&format!("p/{}", number % 2), &number.to_string()), put("other", "x")];
        revisions.push(write(&**coordinator, ops).await.revision);
    }
    write(&**coordinator, vec![Op::Delete("p/1".to_owned())]).await;
    let mut watch = coordinator.watch("p/", revisions[2]).await.unwrap();
    let past = events(&mut watch, 5).await;
    assert!(past.windows(2).all(|pair| revision(&pair[0]) < revision(&pair[1])));
    assert_eq!(past.iter().map(key).collect::<Vec<_>>(), ["p/0", "p/1", "p/0", "p/1", "p/1"]);
    assert!(matches!(&past[4], Event::Deleted { revision, .. } if *revision == revisions[5] + 1));
    let now = write(&**coordinator, vec![put("p/2", "now")]).await.revision;
    let present = events(&mut watch, 1).await;
    assert_eq!((key(&present[0]), revision(&present[0])), ("p/2", now));
    // From the next revision on there is nothing but what comes.
    let mut later = coordinator.watch("p/", now + 1).await.unwrap();
    write(&**coordinator, vec![put("p/3", "later")]).await;
    assert_eq!(key(&events(&mut later, 1).await[0]), "p/3");
}

pub(crate) async fn a_quiet_watch_gives_signs_of_life(coordinator: &Any) {
    let now = write(&**coordinator, vec![put("a", "1")]).await.revision;
    let mut watch = coordinator.watch("", now + 1).await.unwrap();
    for _ in 0..2 {
        let sign = timeout(Duration::from_secs(3), watch.next()).await.expect("a sign").unwrap().unwrap();
        assert_eq!(sign, Changes { revision: now, events: vec![] });
    }
}

pub(crate) async fn garbage_and_oversized_values_are_refused(coordinator: &Any) {
    let largest = "\"".repeat(MAX_VALUE);
    let before = write(&**coordinator, vec![put("largest", &largest), put(&"k".repeat(MAX_KEY), "")]).await.revision;
    let refused = |ops| async move {
        let outcome = coordinator.transact(Txn { ops, ..Txn::default() }).await;
        assert!(matches!(outcome, Err(CoordinatorError::Refused(_))), "{outcome:?}");
    };
    refused(vec![put("k", &format!("{largest}."))]).await;
    refused(vec![put(&"k".repeat(MAX_KEY + 1), "")]).await;
    refused(vec![put("", "")]).await;
    refused(vec![put("k", ""), put("k", "")]).await;
    refused((0..=MAX_TXN_PARTS).map(|n| put(&n.to_string(), "")).collect()).await;
    refused((0..9).map(|n| put(&n.to_string(), &largest)).collect()).await;
    let long = coordinator.range(&"k".repeat(MAX_KEY + 1)).await;
    assert!(matches!(long, Err(CoordinatorError::Refused(_))), "{long:?}");
    for ttl in [Duration::ZERO, Duration::from_secs(1 << 40)] {
        assert!(matches!(coordinator.grant(ttl).await, Err(CoordinatorError::Refused(_))), "{ttl:?}");
    }
    assert_eq!(coordinator.range("").await.unwrap().revision, before);
    assert_eq!(read(&**coordinator, "largest").await[0].1, largest);
}

pub(crate) async fn a_whole_map_fits_one_transaction(coordinator: &Any) {
    let bucket = "b".repeat(8 << 10);
    let keys: Vec<String> = (0..64).map(|bucket| format!("map/group/{bucket:02x}")).collect();
    let ops = keys.iter().map(|key| put(key, &bucket)).collect();
    let compares = keys.iter().cloned().map(Compare::Absent).collect();
    let begun = Instant::now();
    let outcome = coordinator.transact(Txn { compares, ops, reads: keys }).await.unwrap();
    assert!(outcome.applied && outcome.reads.len() == 64, "{:?}", begun.elapsed());
}
