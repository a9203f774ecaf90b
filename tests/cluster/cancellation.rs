//! Dropping a call's future stops its provider at the next await, near and far; a detached method runs to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use wherever::testing::Cluster;
use wherever::{Executed, Kind, with_deadline};

use crate::probe::{Probe, ProbeClient, ProbeError, Watch, cluster, eventually};

/// A near and a far cluster, each with its watch.
async fn near_and_far() -> Vec<(Cluster, Arc<Watch>)> {
    let (near, far) = (Arc::new(Watch::default()), Arc::new(Watch::default()));
    vec![(cluster(1, &near).start().await, near.clone()), (cluster(2, &far).force_remote().start().await, far.clone())]
}

async fn nothing_is_left(cluster: &Cluster) {
    eventually("no call is in flight", || cluster.nodes().all(|node| node.wherever().counted().in_flight == 0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_callers_future_stops_the_provider() {
    for (cluster, watch) in near_and_far().await {
        let client: ProbeClient = cluster.client(0);
        for key in ["foo", "bar", "baz"] {
            let before = watch.dropped.load(Ordering::SeqCst);
            tokio::select! {
                biased;
                answer = client.wait(key) => panic!("nobody released it: {answer:?}"),
                () = watch.started.notified() => {}
            }
            eventually("the provider's future is dropped", || watch.dropped.load(Ordering::SeqCst) == before + 1).await;
        }
        nothing_is_left(&cluster).await;
        assert_eq!(watch.finished.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_detached_method_runs_to_its_end_without_its_caller() {
    for (cluster, watch) in near_and_far().await {
        let client: ProbeClient = cluster.client(0);
        tokio::select! {
            biased;
            answer = client.wait_detached("foo".into()) => panic!("nobody released it: {answer:?}"),
            () = watch.started.notified() => {}
        }
        watch.release.notify_waiters();
        eventually("the method has finished", || watch.finished.load(Ordering::SeqCst) == 1).await;
        nothing_is_left(&cluster).await;
        assert_eq!(watch.dropped.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_ends_waits_for_its_detached_methods() {
    for (cluster, watch) in near_and_far().await {
        let client: ProbeClient = cluster.client(0);
        tokio::select! {
            biased;
            answer = client.wait_detached("foo".into()) => panic!("nobody released it: {answer:?}"),
            () = watch.started.notified() => {}
        }
        let ending = futures_util::future::join_all(cluster.nodes().map(wherever::Node::end));
        let released = async {
            eventually("the nodes are leaving", || cluster.nodes().all(wherever::Node::is_leaving)).await;
            watch.release.notify_waiters();
        };
        tokio::join!(ending, released);
        assert_eq!(watch.finished.load(Ordering::SeqCst), 1, "ended only after the method");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_detached_method_outlives_its_deadline() {
    for (cluster, watch) in near_and_far().await {
        let client: ProbeClient = cluster.client(0);
        let answer = with_deadline(Duration::from_millis(50), client.wait_detached("foo".into())).await;
        let Err(ProbeError::Rpc(error)) = answer else { panic!("nobody released it") };
        assert_eq!((error.kind(), error.executed()), (Kind::Deadline, Executed::Maybe));
        watch.release.notify_waiters();
        eventually("the method has finished", || watch.finished.load(Ordering::SeqCst) == 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_a_call_cancels_the_calls_it_waits_for() {
    let watch = Arc::new(Watch::default());
    let cluster = cluster(3, &watch).force_remote().start().await;
    let client: ProbeClient = cluster.client(0);
    let mut chain = tokio::spawn(async move { client.wait_below("foo", 6).await });
    watch.started.notified().await;
    chain.abort();
    assert!((&mut chain).await.unwrap_err().is_cancelled());
    eventually("the provider's future is dropped", || watch.dropped.load(Ordering::SeqCst) == 1).await;
    nothing_is_left(&cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancels_that_race_replies_leak_nothing() {
    let watch = Arc::new(Watch::default());
    let cluster = cluster(2, &watch).force_remote().start().await;
    let client: ProbeClient = cluster.client(0);
    for round in 0..400_u64 {
        let calls = (0..8_u64).map(|n| {
            let client = client.clone();
            async move {
                let patience = Duration::from_micros((round * 13 + n * 97) % 1500);
                // Either outcome is right; what counts is that nothing is left behind.
                drop(tokio::time::timeout(patience, client.nothing("foo")).await);
            }
        });
        futures_util::future::join_all(calls).await;
    }
    nothing_is_left(&cluster).await;
    assert_eq!(client.nothing("foo").await, Ok(()));
}
