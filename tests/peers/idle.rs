//! Connections that the server closes while the client keeps them: E9.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use wherever::testing::Cluster;
use wherever::{Executed, Limits};

use super::probe::{Probe as _, ProbeClient, Provider, Watch};

#[tokio::test]
async fn a_server_that_closes_idle_connections_costs_no_read_and_doubles_no_write() {
    let watch = Arc::new(Watch::default());
    let provider = watch.clone();
    let mut limits = Limits::default();
    limits.idle_time = Duration::from_millis(100);
    let cluster = Cluster::builder(1)
        .provide_with(move |_| ProbeClient::provider(Provider(provider.clone())))
        .configure(move |builder, _| builder.limits(limits.clone()))
        .start()
        .await;
    let client: ProbeClient = cluster.connect().await.unwrap().client();
    // Twenty callers with pauses around the server's idle time, so that many a call meets a connection that is just closing.
    let callers = (0..20).map(|caller| {
        let client = client.clone();
        async move {
            let (mut surely, mut perhaps) = (0, 0);
            for turn in 0..10 {
                client.read("k").await.expect("a read is tried again");
                surely += 1;
                match client.write("k").await {
                    Ok(_) => surely += 1,
                    Err(error) if error.executed() == Executed::Maybe => perhaps += 1,
                    Err(error) => assert_eq!(error.executed(), Executed::No, "{error}"),
                }
                tokio::time::sleep(Duration::from_millis(90 + (caller * 7 + turn * 3) % 30)).await;
            }
            (surely, perhaps)
        }
    });
    let sums = futures_util::future::join_all(callers).await;
    let (surely, perhaps) = sums.iter().fold((0, 0), |sum, next| (sum.0 + next.0, sum.1 + next.1));
    let ran = watch.ran.load(Ordering::SeqCst);
    // A read may run twice, a write never more than once: at most as many more as reads that were tried again.
    let retried = cluster.node(0).view().counts.served - surely;
    assert!(ran >= surely && ran <= surely + perhaps + retried, "{ran} ran, {surely} answered, {perhaps} unknown");
}
