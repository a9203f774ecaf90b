//! Calls may nest, also through their own slot and in cycles, up to a cap that names the path.

use std::sync::Arc;

use wherever::{Executed, Kind};

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
