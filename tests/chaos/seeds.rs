//! A seed that keeps the cluster's records in a folder, killed and started again.

use crate::cluster::{Cluster, Records};
use crate::owners::assert_failures_are_told;
use crate::until::until;

#[tokio::test]
async fn the_cluster_goes_on_when_a_killed_seed_is_back_on_its_folder() {
    let mut cluster = Cluster::start(Records::Folder, &[1, 1]).await;
    let id = cluster.view(1).await.expect("it serves").cluster;
    let load = cluster.load(&[1], 300, &["--keys", "100", "--workers", "4", "--allow-declared-loss"]).await;
    cluster.kill(0).await;
    let lapsed = async || (cluster.live(1).await?.authority == "lapsed").then_some(());
    until("nobody may execute without the seed", lapsed).await;
    cluster.restart(0);
    cluster.settled(&[0, 1]).await;
    assert_eq!(cluster.view(0).await.expect("it serves").cluster, id, "the same cluster as before");
    let report = load.stop().await;
    assert_failures_are_told(&report);
    assert_eq!(cluster.losses().await, cluster.targets(&[0, 1])[0], "what the seed itself held is declared lost");
    cluster.check_traces();
}
