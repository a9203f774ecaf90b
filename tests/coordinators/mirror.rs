//! A mirror of each coordinator: it follows, comes back after anything that passes, and stops when the data is not what it was.

use std::sync::Arc;
use std::time::Duration;

use rpc_core::clock::BootClock;
use rpc_core::cluster::records::META;
use rpc_core::coordinator::mirror::{Mirror, Status};
use rpc_core::coordinator::{Coordinator, CoordinatorError, Op, Revision};
use rpc_core::transport::http::coordinator::RemoteCoordinator;
use rpc_etcd::{Etcd, EtcdOptions};
use serde_json::json;
use tokio::time::Instant;

use crate::backends;
use crate::etcd_process::EtcdProcess;
use crate::proxy::Proxy;
use crate::seed::Seed;
use crate::suite::{put, write};
use crate::wait::{LONG, soon, until};

fn mirror(coordinator: Arc<dyn Coordinator>) -> Arc<Mirror> {
    Mirror::spawn(coordinator, Arc::new(BootClock))
}

/// Makes a cluster, and a mirror that has seen it.
async fn cluster(coordinator: Arc<dyn Coordinator>) -> (Arc<Mirror>, Revision) {
    let revision = write(&*coordinator, vec![put(META, "uuid-1"), put("a", "1")]).await.revision;
    let mirror = mirror(coordinator);
    mirror.caught_up_to(revision, LONG).await.unwrap();
    (mirror, revision)
}

fn value(mirror: &Mirror, key: &str) -> Option<Vec<u8>> {
    mirror.snapshot().entries.get(key).map(|entry| entry.value.to_vec())
}

async fn lost(mirror: &Mirror) {
    until("the mirror misses its coordinator", || async { matches!(mirror.status(), Status::Lost(_)).then_some(()) })
        .await;
}

/// Waits until the mirror has stopped, and checks that it says why.
async fn stopped(mirror: &Mirror) {
    let why = until("the mirror stops", || async {
        match mirror.status() {
            Status::Stopped(why) => Some(why),
            _ => None,
        }
    });
    assert!(matches!(why.await, CoordinatorError::Changed(_)));
    assert!(matches!(mirror.changed(Revision::MAX).await, Err(CoordinatorError::Changed(_))));
    assert_eq!(value(mirror, "a"), Some(b"1".to_vec()), "what was known stays readable");
}

async fn follows(coordinator: Arc<dyn Coordinator>) {
    let empty = mirror(coordinator.clone());
    assert!(soon("the first list", empty.listed()).await.unwrap().entries.is_empty());
    let (mirror, _) = cluster(coordinator.clone()).await;
    assert_eq!(mirror.status(), Status::Current);
    for number in 0..20 {
        let ops = vec![put("a", &number.to_string()), put(&format!("n/{number}"), "x")];
        let now = write(&*coordinator, ops).await.revision;
        let seen = mirror.caught_up_to(now, LONG).await.unwrap();
        assert_eq!(seen.under("n/").count(), number + 1);
    }
    let seen = mirror.snapshot().revision;
    write(&*coordinator, vec![Op::Delete("n/0".to_owned())]).await;
    let newer = soon("a change", mirror.changed(seen)).await.unwrap();
    assert_eq!(newer.under("n/").count(), 19);
    let range = coordinator.range("").await.unwrap();
    assert!(range.entries.iter().eq(newer.under("")));
    let never = mirror.caught_up_to(range.revision + 7, Duration::from_millis(1500)).await;
    assert!(matches!(never, Err(CoordinatorError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_follows_a_coordinator_in_memory() {
    follows(backends::in_memory().coordinator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_follows_a_coordinator_over_http() {
    let backend = backends::over_http();
    follows(backend.coordinator.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_follows_etcd() {
    let backend = backends::in_etcd().await;
    follows(backend.coordinator.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_comes_back_with_a_seed_that_has_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut seed = Seed::start(Some(folder.path().join("coordinator.redb")));
    let remote = seed.remote();
    let (mirror, revision) = cluster(remote.clone()).await;
    seed.stop().await;
    lost(&mirror).await;
    assert_eq!(value(&mirror, "a"), Some(b"1".to_vec()));
    seed.start_again();
    soon("the mirror is back", mirror.status_changed(&mirror.status())).await;
    let now = write(&*remote, vec![put("a", "2")]).await.revision;
    assert!(now > revision);
    mirror.caught_up_to(now, LONG).await.unwrap();
    assert_eq!(value(&mirror, "a"), Some(b"2".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_when_a_seed_in_memory_is_a_new_one() {
    let mut seed = Seed::start(None);
    let remote = seed.remote();
    let (mirror, _) = cluster(remote.clone()).await;
    seed.stop().await;
    seed.start_again();
    stopped(&mirror).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_when_another_cluster_answers_in_its_place() {
    let mut seed = Seed::start(None);
    let remote = seed.remote();
    let (mirror, revision) = cluster(remote.clone()).await;
    seed.stop().await;
    lost(&mirror).await;
    seed.start_again();
    // As far on as the first one was, by the time that the mirror looks: only its name tells.
    while let Ok(outcome) =
        remote.transact(rpc_core::coordinator::Txn { ops: vec![put(META, "uuid-2")], ..Default::default() }).await
    {
        if outcome.revision > revision + 10 {
            break;
        }
    }
    stopped(&mirror).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_when_etcd_was_wiped() {
    let mut etcd = EtcdProcess::start().await;
    let client = etcd.client().await;
    let (mirror, revision) = cluster(client.clone()).await;
    etcd.stop();
    etcd.wipe();
    etcd.start_again().await;
    stopped(&mirror).await;
    assert!(matches!(client.watch("", revision + 1).await.err(), Some(CoordinatorError::Changed(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_comes_back_with_etcd_that_was_killed_and_compacted() {
    let mut etcd = EtcdProcess::start().await;
    let client = etcd.client().await;
    let (mirror, _) = cluster(client.clone()).await;
    etcd.stop();
    lost(&mirror).await;
    etcd.start_again().await;
    let back = Instant::now();
    let other = etcd.client().await;
    let mut now = 0;
    for number in 0..20 {
        now = write(&*other, vec![put("a", &number.to_string())]).await.revision;
    }
    etcd.ask("kv/compaction", json!({ "revision": now.to_string(), "physical": true })).await;
    mirror.caught_up_to(now, LONG).await.unwrap();
    assert!(back.elapsed() < Duration::from_secs(5), "{:?}", back.elapsed());
    assert_eq!(value(&mirror, "a"), Some(b"19".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_notices_a_frozen_etcd_and_goes_on_when_that_does() {
    let etcd = EtcdProcess::start().await;
    let client = etcd.client().await;
    let (mirror, _) = cluster(client.clone()).await;
    etcd.freeze().await;
    let frozen = Instant::now();
    let thawed = async {
        tokio::time::sleep_until(frozen + Duration::from_secs(3)).await;
        etcd.thaw();
    };
    let asking = async {
        let mut failures = 0;
        while frozen.elapsed() < Duration::from_millis(1500) {
            let asked = Instant::now();
            assert!(matches!(client.range("").await, Err(CoordinatorError::Unavailable(_))));
            assert!(asked.elapsed() < Duration::from_millis(1500), "{:?}", asked.elapsed());
            failures += 1;
        }
        assert!(failures >= 2);
        lost(&mirror).await;
    };
    tokio::join!(thawed, asking);
    let now = until("etcd answers again", || async {
        client.transact(rpc_core::coordinator::Txn { ops: vec![put("a", "3")], ..Default::default() }).await.ok()
    })
    .await;
    mirror.caught_up_to(now.revision, LONG).await.unwrap();
    assert_eq!(value(&mirror, "a"), Some(b"3".to_vec()));
}

/// Through a wire that swallows everything: a silent watch is noticed, and the mirror comes back.
async fn survives_silence(through: Arc<dyn Coordinator>, direct: Arc<dyn Coordinator>, wire: Proxy) {
    let (mirror, _) = cluster(through.clone()).await;
    wire.swallow();
    let begun = Instant::now();
    lost(&mirror).await;
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    let now = write(&*direct, vec![put("a", "2")]).await.revision;
    wire.delay(Duration::ZERO);
    mirror.caught_up_to(now, LONG).await.unwrap();
    assert_eq!(value(&mirror, "a"), Some(b"2".to_vec()));
    // Slow, but within the time of a call.
    wire.delay(Duration::from_millis(200));
    let now = write(&*direct, vec![put("a", "4")]).await.revision;
    mirror.caught_up_to(now, LONG).await.unwrap();
    until("slow answers are answers", || async { through.range("").await.ok() }).await;
    // Too slow: said in time, and nothing else comes of it.
    wire.delay(Duration::from_secs(2));
    let asked = Instant::now();
    assert!(matches!(through.range("").await, Err(CoordinatorError::Unavailable(_))));
    assert!(asked.elapsed() < Duration::from_millis(1500), "{:?}", asked.elapsed());
    wire.delay(Duration::ZERO);
    let now = write(&*direct, vec![put("a", "5")]).await.revision;
    mirror.caught_up_to(now, LONG).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_notices_when_a_wire_to_a_seed_swallows_everything() {
    let seed = Seed::start(None);
    let wire = Proxy::before(seed.address.port()).await;
    let through = RemoteCoordinator::new(&[wire.address.to_string()]).unwrap();
    survives_silence(Arc::new(through), seed.remote(), wire).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_notices_when_a_wire_to_etcd_swallows_everything() {
    let etcd = EtcdProcess::start().await;
    let wire = Proxy::before(etcd.port()).await;
    let through = Etcd::connect(&[format!("http://{}", wire.address)], EtcdOptions::cluster("test")).await.unwrap();
    survives_silence(Arc::new(through), etcd.client().await, wire).await;
}
