//! Futures that their callers drop: the peer is told, and nothing leaks. G1 to G3.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use tokio::task::JoinSet;
use wherever::testing::Cluster;
use wherever::with_deadline;

use super::fake::Deed;
use super::fakes::Fakes;
use super::probe::{FOR_EVER, Probe as _, ProbeClient, Provider, Watch};

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let reached = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), reached).await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test]
async fn a_dropped_call_is_taken_back_by_its_id() {
    let fakes = Fakes::start(1).await;
    fakes[0].does(|_| Deed::Silence);
    let client = fakes.client().await;
    let mut call = Box::pin(client.write("k"));
    while fakes[0].calls() == 0 {
        assert!((&mut call).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(call);
    eventually("the peer is told", || !fakes[0].seen().cancels.lock().unwrap().is_empty()).await;
    assert_eq!(*fakes[0].seen().cancels.lock().unwrap(), *fakes[0].seen().ids.lock().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_hundred_calls_dropped_at_once_all_end() {
    const CALLS: u64 = 400;
    let watch = Arc::new(Watch::default());
    let provider = watch.clone();
    let cluster = Cluster::builder(2)
        .provide_with(move |_| ProbeClient::provider(Provider(provider.clone())))
        .configure(|builder, _| builder.default_deadline(Duration::from_secs(600)))
        .start()
        .await;
    let client: ProbeClient = cluster.connect().await.unwrap().client();
    let mut calls = JoinSet::new();
    for n in 0..CALLS {
        let client = client.clone();
        calls.spawn(with_deadline(Duration::from_secs(600), async move {
            client.linger(&format!("key{n}"), FOR_EVER).await
        }));
    }
    eventually("all run", || watch.ran.load(Ordering::SeqCst) == CALLS).await;
    drop(calls);
    eventually("nothing in flight", || cluster.nodes().all(|node| node.view().counts.in_flight == 0)).await;
}

#[tokio::test]
async fn a_peer_that_never_answers_a_cancellation_holds_up_no_other_peers() {
    let fakes = Fakes::start(2).await;
    fakes[0].does(|_| Deed::Silence);
    fakes[1].does(|_| Deed::Silence);
    fakes[0].ignores_cancels();
    let client = fakes.client().await;
    let mut calls = JoinSet::new();
    for (peer, count) in [(0, 200), (1, 1)] {
        let key = fakes.key_of(peer);
        for _ in 0..count {
            let (client, key) = (client.clone(), key.clone());
            calls.spawn(async move { client.write(&key).await });
        }
        eventually("all are sent", || fakes[peer].calls() == count).await;
    }
    drop(calls);
    eventually("the other is told", || fakes[1].seen().cancels.lock().unwrap().len() == 1).await;
    eventually("and in time the deaf one", || fakes[0].seen().cancels.lock().unwrap().len() == 200).await;
}

#[tokio::test]
async fn a_call_dropped_before_it_is_polled_sends_nothing() {
    let fakes = Fakes::start(1).await;
    let client = fakes.client().await;
    drop(client.write("k"));
    assert_eq!(client.write("k").await, Ok(1));
    assert_eq!((fakes[0].calls(), fakes[0].seen().cancels.lock().unwrap().len()), (1, 0));
}

#[tokio::test]
async fn a_finished_call_is_not_taken_back() {
    let fakes = Fakes::start(1).await;
    let client = fakes.client().await;
    for _ in 0..20 {
        client.write("k").await.unwrap();
    }
    assert_eq!(fakes[0].seen().cancels.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_method_ends_when_its_caller_hangs_up() {
    let watch = Arc::new(Watch::default());
    let provider = watch.clone();
    let cluster =
        Cluster::builder(2).provide_with(move |_| ProbeClient::provider(Provider(provider.clone()))).start().await;
    let client: ProbeClient = cluster.connect().await.unwrap().client();
    for key in ["a", "b", "c", "d"] {
        let call = client.linger(key, FOR_EVER);
        tokio::select! {
            answer = call => panic!("{answer:?}"),
            () = watch.started.notified() => {}
        }
        eventually("nothing in flight", || cluster.nodes().all(|node| node.view().counts.in_flight == 0)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_cancellations_racing_their_replies_leak_nothing() {
    const CALLS: u32 = 10_000;
    let watch = Arc::new(Watch::default());
    let provider = watch.clone();
    let cluster =
        Cluster::builder(2).provide_with(move |_| ProbeClient::provider(Provider(provider.clone()))).start().await;
    let client: ProbeClient = cluster.connect().await.unwrap().client();
    let race = |n: u32| {
        let client = client.clone();
        async move {
            let patience = async {
                for _ in 0..n % 23 {
                    tokio::task::yield_now().await;
                }
            };
            let key = format!("key{}", n % 64);
            tokio::select! {
                biased;
                answer = client.linger(&key, n % 7) => answer.map(|()| true),
                () = patience => Ok(false),
            }
        }
    };
    let answers = stream::iter(0..CALLS).map(race).buffer_unordered(32);
    let failed = answers.filter(|answer| std::future::ready(answer.is_err())).collect::<Vec<_>>().await;
    assert!(failed.is_empty(), "{:?}", failed.first());
    eventually("nothing in flight", || cluster.nodes().all(|node| node.view().counts.in_flight == 0)).await;
    assert!(watch.ran.load(Ordering::SeqCst) <= u64::from(CALLS), "no call ran twice");
    assert!(client.read("canary").await.is_ok());
}
