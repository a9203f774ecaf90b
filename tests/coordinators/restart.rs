//! A coordinator that goes away and comes back with its data, and one that forgets its past.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use rpc_core::clock::BootClock;
use rpc_core::coordinator::bounds::{MAX_HISTORY, MAX_TXN_PARTS};
use rpc_core::coordinator::embedded::Embedded;
use rpc_core::coordinator::{Coordinator, CoordinatorError, Revision};
use serde_json::json;
use tokio::time::Instant;

use crate::etcd_process::EtcdProcess;
use crate::seed::{self, Seed};
use crate::suite::{Watch, events, key, next_events, put, put_under, read, write};
use crate::wait::{soon, until};

/// What holds after a restart: the same keys, the next revision, and a watch from there on.
async fn goes_on(coordinator: &dyn Coordinator, before: Revision) {
    let watch = || async { coordinator.watch("", before + 1).await.ok() };
    let mut watch = until("a watch after the restart", watch).await;
    let values = read(coordinator, "").await;
    assert_eq!(values, [("a".to_owned(), "1".to_owned()), ("leased".to_owned(), "1".to_owned())]);
    let after = write(coordinator, vec![put("b", "2")]).await;
    assert_eq!(after.revision, before + 1);
    assert_eq!(key(&events(&mut watch, 1).await[0]), "b");
}

async fn prepare(coordinator: &dyn Coordinator) -> (u64, Revision) {
    let lease = coordinator.grant(Duration::from_secs(10)).await.unwrap();
    let revision = write(coordinator, vec![put("a", "1"), put_under("leased", "1", Some(lease))]).await.revision;
    (lease, revision)
}

/// A watch whose other side is killed ends with an error, soon.
async fn ends(mut watch: Watch) {
    let end = async {
        loop {
            match watch.next().await.expect("a watch ends with an error") {
                Ok(_) => (),
                Err(error) => return error,
            }
        }
    };
    assert!(matches!(soon("the watch ends", end).await, CoordinatorError::Unavailable(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_on_with_the_same_keys_and_whole_leases() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("coordinator.redb");
    let embedded = seed::open(&file);
    let (lease, revision) = prepare(&*embedded).await;
    embedded.close().await;
    assert!(matches!(embedded.transact(Default::default()).await, Err(CoordinatorError::Unavailable(_))));
    let embedded = seed::open(&file);
    goes_on(&*embedded, revision).await;
    embedded.keep_alive(lease).await.unwrap();
    assert!(embedded.grant(Duration::from_secs(1)).await.unwrap() > lease, "no lease's name is used again");
    let past = embedded.watch("", revision).await.err();
    assert_eq!(past, Some(CoordinatorError::Compacted { oldest: revision + 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_open_elsewhere_or_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("coordinator.redb");
    let _embedded = seed::open(&file);
    assert!(rpc_server::coordinator::RedbJournal::open(&file).is_err());
    let text = folder.path().join("text");
    std::fs::write(&text, "this is no database").unwrap();
    let error = rpc_server::coordinator::RedbJournal::open(&text).unwrap_err();
    assert!(error.to_string().contains("text"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn joiners_go_on_with_a_seed_that_was_killed_and_has_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut seed = Seed::start(Some(folder.path().join("coordinator.redb")));
    let remote = seed.remote();
    let (lease, revision) = prepare(&*remote).await;
    let watch = remote.watch("", revision + 1).await.unwrap();
    seed.stop().await;
    ends(watch).await;
    let begun = Instant::now();
    assert!(matches!(remote.range("").await, Err(CoordinatorError::Unavailable(_))));
    assert!(begun.elapsed() < Duration::from_secs(2));
    seed.start_again();
    goes_on(&*remote, revision).await;
    remote.keep_alive(lease).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_killed_and_started_again_goes_on() {
    let mut etcd = EtcdProcess::start().await;
    let client = etcd.client().await;
    let (lease, revision) = prepare(&*client).await;
    let watch = client.watch("", revision + 1).await.unwrap();
    etcd.stop();
    ends(watch).await;
    assert!(matches!(client.range("").await, Err(CoordinatorError::Unavailable(_))));
    etcd.start_again().await;
    goes_on(&*client, revision).await;
    client.keep_alive(lease).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_coordinator_forgets_its_oldest_changes_and_says_so() {
    let embedded = Embedded::in_memory(Arc::new(BootClock));
    let first = write(&*embedded, vec![put("first", "1")]).await.revision;
    let mut slow = embedded.watch("", first).await.unwrap();
    assert_eq!(next_events(&mut slow).await.unwrap().events.len(), 1);
    for _ in 0..=MAX_HISTORY / MAX_TXN_PARTS {
        write(&*embedded, (0..MAX_TXN_PARTS).map(|n| put(&n.to_string(), "x")).collect()).await;
    }
    assert!(matches!(next_events(&mut slow).await, Err(CoordinatorError::Compacted { .. })));
    let oldest = match embedded.watch("", first).await.err() {
        Some(CoordinatorError::Compacted { oldest }) => oldest,
        other => panic!("{other:?}"),
    };
    let mut watch = embedded.watch("", oldest).await.unwrap();
    assert_eq!(next_events(&mut watch).await.unwrap().events.len() % MAX_TXN_PARTS, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_that_was_compacted_says_so() {
    let etcd = EtcdProcess::start().await;
    let client = etcd.client().await;
    let mut revision = 0;
    for number in 0..10 {
        revision = write(&*client, vec![put("a", &number.to_string())]).await.revision;
    }
    etcd.ask("kv/compaction", json!({ "revision": revision.to_string(), "physical": true })).await;
    let mut watch = client.watch("", revision - 5).await.unwrap();
    assert_eq!(next_events(&mut watch).await, Err(CoordinatorError::Compacted { oldest: revision }));
    let mut watch = client.watch("", revision).await.unwrap();
    assert_eq!(events(&mut watch, 1).await.len(), 1);
}
