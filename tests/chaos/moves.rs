//! Nodes come and go as planned: callers notice a short wait, and nothing else.

use std::collections::BTreeSet;

use crate::cluster::{Cluster, Records};
use crate::etcd_process::EtcdProcess;

/// How many keys each load has: enough for most of the slots that move to hold state.
const KEYS: &str = "400";

#[tokio::test]
async fn a_node_joins_and_leaves_under_load_and_nobody_but_the_moved_slots_notices() {
    let mut cluster = Cluster::start(Records::Memory, &[20, 20, 20]).await;
    let load = cluster.load(&[0, 1, 2], 300, &["--keys", KEYS, "--workers", "4", "--fill"]).await;
    let added = cluster.add(1);
    cluster.settled(&[0, 1, 2, added]).await;
    let share = u64::from(cluster.targets(&[0, 1, 2, added])[added]);
    let ended = cluster.terminate(added).await;
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    cluster.settled(&[0, 1, 2]).await;
    let report = load.stop().await.without_failures();
    assert!((2 * share..=2 * share + 2).contains(&report.slots_moved), "{} moved, {share} wanted", report.slots_moved);
    assert_eq!(report.slots_lost, 0);
    cluster.check_traces();
}

#[tokio::test]
async fn every_node_but_the_seed_is_restarted_under_load_and_no_call_fails() {
    let mut cluster = Cluster::start(Records::Memory, &[40, 1, 1]).await;
    let load = cluster.load(&[0], 300, &["--keys", KEYS, "--workers", "4", "--fill"]).await;
    for node in [1, 2] {
        restart(&mut cluster, node).await;
    }
    load.stop().await.without_failures();
    cluster.check_traces();
}

#[tokio::test]
async fn every_node_of_a_cluster_in_etcd_is_restarted_under_load_and_no_call_fails() {
    let etcd = EtcdProcess::start().await;
    let mut cluster = Cluster::start(Records::Etcd(etcd.endpoint()), &[1, 1]).await;
    let load = cluster.load(&[0, 1], 300, &["--keys", KEYS, "--workers", "2", "--fill"]).await;
    for node in [0, 1] {
        restart(&mut cluster, node).await;
    }
    load.stop().await.without_failures();
    cluster.check_traces();
}

/// Ends a node and starts it again; returns when it has its share back.
async fn restart(cluster: &mut Cluster, node: usize) {
    let ended = cluster.terminate(node).await;
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    assert!(!ended.stderr.contains("some slots go with this node"), "{ended:#?}");
    let all: BTreeSet<usize> = (0..cluster.size()).collect();
    let others: Vec<usize> = all.iter().copied().filter(|other| *other != node).collect();
    cluster.settled(&others).await;
    cluster.restart(node);
    cluster.settled(&all.into_iter().collect::<Vec<_>>()).await;
}
