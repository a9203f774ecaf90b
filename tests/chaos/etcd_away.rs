//! An etcd that hangs, is away, or has forgotten everything.

use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Records};
use crate::etcd_process::EtcdProcess;
use crate::owners::assert_failures_are_told;
use crate::until::until;

/// Shorter than authority, so that no node loses any.
const SHORT: Duration = Duration::from_millis(2500);

/// How soon service must be back: five seconds, which is the promise, and what a busy machine takes beyond that.
const BACK: Duration = Duration::from_secs(5 + 5);

#[tokio::test]
async fn calls_go_on_while_etcd_hangs_for_a_moment_and_wait_while_it_hangs_for_long() {
    let etcd = EtcdProcess::start().await;
    let cluster = Cluster::start(Records::Etcd(etcd.endpoint()), &[1, 1]).await;

    let load = cluster.load(&[0, 1], 300, &["--keys", "100", "--workers", "4"]).await;
    etcd.freeze().await;
    // The length of the fault is the scenario.
    tokio::time::sleep(SHORT).await;
    etcd.thaw();
    cluster.settled(&[0, 1]).await;
    load.stop().await.without_failures();

    let load = cluster.load(&[0, 1], 300, &["--keys", "100", "--workers", "4"]).await;
    etcd.freeze().await;
    all_say(&cluster, "lapsed").await;
    // Longer than the lease: when etcd is back, everybody seems to be gone.
    tokio::time::sleep(Duration::from_secs(4)).await;
    etcd.thaw();
    let began = Instant::now();
    all_say(&cluster, "held").await;
    let took = began.elapsed();
    println!("service is back {took:?} after etcd is");
    assert!(took < BACK, "{took:?}");
    cluster.settled(&[0, 1]).await;
    let report = load.stop().await;
    assert_failures_are_told(&report);
    assert_eq!((report.slots_moved, report.slots_lost), (0, 0), "nobody was given up: {report:?}");
    assert_eq!(cluster.losses().await, 0);
    cluster.check_traces();
}

#[tokio::test]
async fn an_etcd_that_is_killed_and_started_again_costs_nothing() {
    let mut etcd = EtcdProcess::start().await;
    let cluster = Cluster::start(Records::Etcd(etcd.endpoint()), &[1, 1]).await;
    let load = cluster.load(&[0, 1], 300, &["--keys", "100", "--workers", "4"]).await;
    etcd.stop();
    all_say(&cluster, "lapsed").await;
    etcd.start_again().await;
    all_say(&cluster, "held").await;
    cluster.settled(&[0, 1]).await;
    let report = load.stop().await;
    assert_failures_are_told(&report);
    assert_eq!((report.slots_moved, report.slots_lost), (0, 0), "{report:?}");
    cluster.check_traces();
}

#[tokio::test]
async fn every_node_stops_and_says_why_when_etcd_has_forgotten_the_cluster() {
    let mut etcd = EtcdProcess::start().await;
    let mut cluster = Cluster::start(Records::Etcd(etcd.endpoint()), &[1, 1]).await;
    etcd.stop();
    etcd.wipe();
    etcd.start_again().await;
    for node in 0..2 {
        let ended = cluster.node(node).end().await;
        assert_eq!(ended.status, Some(1), "{ended:#?}");
        assert!(ended.stderr.contains("counters: the node has stopped: "), "{ended:#?}");
    }
}

/// Waits until each node says that of its authority.
async fn all_say(cluster: &Cluster, authority: &str) {
    for node in 0..cluster.size() {
        let says = async || (cluster.live(node).await?.authority == authority).then_some(());
        until(&format!("node {node} says {authority}"), says).await;
    }
}
