//! Deadlines are finite, inherited, never extended, and kept on both sides.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use wherever::{Context, Executed, Kind, with_deadline};

use crate::probe::{Probe, ProbeClient, ProbeError, Watch, cluster, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nested_calls_inherit_what_is_left() {
    let watch = Arc::new(Watch::default());
    let cluster = cluster(3, &watch).start().await;
    let client: ProbeClient = cluster.client(0);
    for depth in [0, 1, 5, 20] {
        let left = with_deadline(Duration::from_millis(2000), client.time_left("k", depth)).await.unwrap();
        assert!((1..=2000).contains(&left), "{left} ms at depth {depth}");
        let default = client.time_left("k", depth).await.unwrap();
        assert!((8000..=10_000).contains(&default), "{default} ms at depth {depth}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_stops_at_the_deadline_and_leaves_the_slot() {
    let watch = Arc::new(Watch::default());
    let cluster = cluster(2, &watch).force_remote().start().await;
    let client: ProbeClient = cluster.client(0);
    let start = Instant::now();
    let patience = Duration::from_millis(500);
    let (answer, ()) = tokio::join!(with_deadline(patience, client.wait("foo")), watch.started.notified());
    let Err(ProbeError::Rpc(error)) = answer else { panic!("it waits for ever") };
    assert_eq!((error.kind(), error.executed()), (Kind::Deadline, Executed::Maybe));
    assert!(start.elapsed() < patience + Duration::from_secs(1), "{:?}", start.elapsed());
    eventually("the provider's future is dropped", || watch.dropped.load(Ordering::SeqCst) == 1).await;
    eventually("no call is in flight", || cluster.nodes().all(|node| node.wherever().counted().in_flight == 0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_spawned_in_scope_inherits_the_deadline() {
    let context = with_deadline(Duration::from_millis(500), async {
        let context = Context::current().expect("in scope");
        let deadline = context.deadline();
        let inner = tokio::spawn(context.scope(async { Context::current().expect("in scope").deadline() }));
        (deadline, inner.await.unwrap())
    });
    let (outer, inner) = context.await;
    assert_eq!(outer, inner);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_builders_default_deadline_holds_near_and_far() {
    let watch = Arc::new(Watch::default());
    let short = Duration::from_millis(80);
    for force in [false, true] {
        let builder = cluster(1, &watch).configure(move |builder, _| builder.default_deadline(short));
        let cluster = if force { builder.force_remote() } else { builder }.start().await;
        let Err(ProbeError::Rpc(error)) = cluster.client::<ProbeClient>(0).wait("foo").await else { panic!() };
        assert_eq!((error.kind(), error.executed()), (Kind::Deadline, Executed::Maybe));
    }
}
