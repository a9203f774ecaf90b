//! Calls may nest, also through their own slot and in cycles, up to a cap that names the path.

use std::sync::Arc;

use futures_util::future::join_all;
use wherever::{Executed, HttpSettings, Kind};

use crate::probe::{Probe, ProbeClient, ProbeError, Watch, cluster};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_over_the_nodes_may_be_as_deep_as_the_cap_and_no_deeper() {
    let watch = Arc::new(Watch::default());
    for force in [false, true] {
        let builder = cluster(3, &watch);
        let cluster = if force { builder.force_remote() } else { builder }.start().await;
        let client: ProbeClient = cluster.client(0);
        assert_eq!(client.nest("k", 32).await, Ok(32));
        let Err(ProbeError::Rpc(error)) = client.nest("k", 33).await else { panic!("too deep") };
        assert_eq!((error.kind(), error.executed()), (Kind::TooDeep, Executed::No));
        assert!(error.message().contains("Probe.nest>Probe.nest"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chains_there_and_back_never_wait_for_each_others_turns() {
    let watch = Arc::new(Watch::default());
    let one_at_a_time = || HttpSettings { in_flight_per_peer: 1, ..HttpSettings::default() };
    let builder = cluster(2, &watch).configure(move |builder, _| builder.http(one_at_a_time()));
    let cluster = builder.force_remote().start().await;
    let clients: [ProbeClient; 2] = [cluster.client(0), cluster.client(1)];
    let chains = (0..20).map(|n| {
        let (client, key) = (&clients[n % 2], format!("k{n}"));
        async move { client.nest(&key, 16).await }
    });
    for answer in join_all(chains).await {
        assert_eq!(answer, Ok(16), "each call of a chain goes over a connection, while the ones before it wait");
    }
}
