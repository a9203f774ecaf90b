//! A network that carries one way only: between a node in a network namespace of its own and the rest.

use std::time::Duration;

use crate::cluster::{Cluster, Place, Records};
use crate::namespace::Namespace;
use crate::owners::{assert_failures_are_told, others_serve};
use crate::until::until;

#[tokio::test]
async fn a_node_that_is_heard_by_nobody_gives_up_and_comes_back() {
    let Some(namespace) = Namespace::make(77) else {
        println!("skipped: one-way partitions need network namespaces (`ip netns add`), which take root");
        return;
    };
    let outside = Place { host: namespace.outside(), namespace: None };
    let inside = Place { host: namespace.inside(), namespace: Some(namespace.name().to_owned()) };
    let places = [(1, outside.clone()), (1, outside), (1, inside)];
    let mut cluster = Cluster::start_at(Records::Memory, &places).await;
    let load = cluster.load(&[0, 1], 300, &["--keys", "100", "--workers", "8", "--allow-declared-loss"]).await;
    namespace.mute();
    let took = others_serve(&cluster, &[0, 1]).await;
    println!("slots of the muted owner are served again after {took:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    namespace.unmute();
    cluster.node(2).stderr.line("this node was fenced").await;
    cluster.settled(&[0, 1, 2]).await;
    assert_failures_are_told(&load.stop().await);
    // Once fenced, and no more: the one that came back is left in peace.
    let live = until("the seed tells", async || cluster.live(0).await).await;
    assert_eq!(live.nodes.len(), 3, "{live:?}");
    cluster.check_traces();
}
