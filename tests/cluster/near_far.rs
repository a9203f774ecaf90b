//! The same verdict for every case, whether the provider is on the caller's node, across the network, or a local value.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use wherever::testing::Cluster;
use wherever::{Executed, Kind, RpcError, with_deadline};

use crate::probe::{Item, Probe, ProbeClient, ProbeError, Watch, cluster, provider};

/// A way to the provider.
struct Way {
    name: &'static str,
    client: ProbeClient,
    _cluster: Option<Cluster>,
}

/// Every way: this node's own provider, the same node over the network, another node, a program that is no node, a local value.
async fn ways() -> Vec<Way> {
    let watch = Arc::new(Watch::default());
    let near = cluster(1, &watch).start().await;
    let looped = cluster(1, &watch).force_remote().start().await;
    let three = cluster(3, &watch).force_remote().start().await;
    let outside = cluster(2, &watch).start().await;
    let connected = outside.connect().await.unwrap();
    let local = ProbeClient::local(provider("local", near.client(0), &watch));
    let way = |name, client, cluster| Way { name, client, _cluster: cluster };
    vec![
        way("near", near.client(0), Some(near)),
        way("loopback", looped.client(0), Some(looped)),
        way("three nodes", three.client(1), Some(three)),
        way("outside", connected.client(), Some(outside)),
        way("local value", local, None),
    ]
}

/// What a caller can tell of a result: the value, the provider's error, or the framework's error by kind and outcome.
#[derive(Debug, PartialEq)]
enum Verdict<T> {
    Value(T),
    Failure(String),
    Rpc(Kind, Executed),
}

fn verdict<T>(result: Result<T, ProbeError>) -> Verdict<T> {
    match result {
        Ok(value) => Verdict::Value(value),
        Err(ProbeError::Rpc(error)) => Verdict::Rpc(error.kind(), error.executed()),
        Err(other) => Verdict::Failure(other.to_string()),
    }
}

/// Checks one case on every way, with keys that lie on different nodes.
async fn everywhere<T, F>(case: &str, expected: Verdict<T>, call: impl Fn(ProbeClient, String) -> F)
where
    T: PartialEq + std::fmt::Debug,
    F: Future<Output = Result<T, ProbeError>>,
{
    for way in ways().await {
        for key in ["foo", "bar", "123456789", "{tag}x", ""] {
            let got = verdict(call(way.client.clone(), key.to_owned()).await);
            assert_eq!(got, expected, "{case} on the way {} with key {key:?}", way.name);
        }
    }
}

fn item() -> Item {
    Item {
        name: "naïve \u{1f980} \"quoted\" \u{0} \u{2028}".into(),
        tags: vec![Some(0), None, Some(255)],
        nested: BTreeMap::from([("a".into(), (i64::MIN, true)), (String::new(), (i64::MAX, false))]),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_arrive_as_they_were_sent() {
    everywhere("a struct", Verdict::Value(item()), |client, key| async move { client.item(&key, item()).await }).await;
    everywhere("unit", Verdict::Value(()), |client, key| async move { client.nothing(&key).await }).await;
    everywhere(
        "bytes",
        Verdict::Value(vec![3, 2, 1]),
        |client, key| async move { client.bytes(&key, &[1, 2, 3]).await },
    )
    .await;
    everywhere("a text", Verdict::Value(Some("É".into())), |client, key| async move {
        client.optional(&key, Some("é")).await
    })
    .await;
    everywhere("no text", Verdict::Value(None), |client, key| async move { client.optional(&key, None).await }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_keep_their_last_digit() {
    for value in [i128::MIN, i128::MAX, i128::from(u64::MAX) + 1, (1 << 53) + 1, -1, 0] {
        let call = |client: ProbeClient, key: String| async move { client.wide(key.len() as u64, value).await };
        everywhere("a wide integer", Verdict::Value(value), call).await;
    }
    for value in [0.1 + 0.2, 5e-324, 1e308, f64::MIN, f64::EPSILON] {
        everywhere("a float", Verdict::Value(value), |client, key| async move { client.float(&key, value).await })
            .await;
    }
    for way in ways().await {
        assert!(way.client.float("foo", -0.0).await.unwrap().is_sign_negative(), "{}", way.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_providers_own_error_comes_back_typed() {
    let expected = Verdict::Failure("refused with -7".into());
    everywhere("an error", expected, |client, key| async move { client.refuse(&key, -7).await }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_a_typed_error_and_the_node_lives_on() {
    for late in [false, true] {
        let expected = Verdict::Rpc(Kind::Panicked, Executed::Maybe);
        everywhere("a panic", expected, |client, key| async move {
            let answer = client.panics(&key, late).await;
            client.nothing(&key).await.expect("the provider still serves");
            answer
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_stops_the_provider_and_says_maybe() {
    let expected = Verdict::Rpc(Kind::Deadline, Executed::Maybe);
    let short = Duration::from_millis(40);
    everywhere("a deadline", expected, |client, key| async move { with_deadline(short, client.wait(&key)).await })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_that_has_passed_starts_nothing() {
    let expected = Verdict::Rpc(Kind::Deadline, Executed::No);
    everywhere(
        "no time",
        expected,
        |client, key| async move { with_deadline(Duration::ZERO, client.nothing(&key)).await },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_a_destructor_at_the_deadline_is_contained() {
    let expected = Verdict::Rpc(Kind::Deadline, Executed::Maybe);
    let short = Duration::from_millis(40);
    everywhere("a bomb", expected, |client, key| async move {
        let answer = with_deadline(short, client.panics_in_drop(&key)).await;
        client.nothing(&key).await.expect("the provider still serves");
        answer
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_json_cannot_say_is_refused_where_it_is_encoded() {
    for way in ways().await {
        let is_near = matches!(way.name, "near" | "local value");
        // The one exception to "the same near and far": a value that stays is never encoded.
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let sent = verdict(way.client.float("foo", value).await);
            let on_the_way = sent == Verdict::Rpc(Kind::Encode, Executed::No);
            assert!(
                on_the_way || is_near || way.name == "outside" || way.name == "three nodes",
                "{}: {sent:?}",
                way.name
            );
        }
        if way.name == "loopback" {
            let answered = verdict(way.client.not_finite("foo").await);
            assert_eq!(answered, Verdict::Rpc(Kind::Encode, Executed::Yes));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_names_node_slot_and_epoch() {
    let watch = Arc::new(Watch::default());
    for cluster in [cluster(1, &watch).start().await, cluster(1, &watch).force_remote().start().await] {
        let Err(ProbeError::Rpc(error)) = cluster.client::<ProbeClient>(0).panics("foo", false).await else {
            panic!("it panics")
        };
        assert_eq!(error.node(), Some(cluster.node(0).id()));
        assert_eq!((error.slot().map(rpc_core::slot::Slot::get), error.epoch()), (Some(12182), Some(1)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeatable_methods_that_are_not_are_exposed() {
    let watch = Arc::new(Watch::default());
    let cluster = cluster(2, &watch).run_twice().start().await;
    let client: ProbeClient = cluster.client(0);
    assert_eq!(client.count_up("foo").await, Ok(2), "an idempotent method runs twice");
    assert_eq!(client.count_once("foo").await, Ok(3), "any other runs once");
    client.item("foo", item()).await.expect("a true read answers the same twice");
}

#[tokio::test]
async fn an_rpc_error_survives_inside_the_services_own_error() {
    let error = ProbeError::from(RpcError::new(Kind::Overloaded, "full"));
    let text = serde_json::to_string(&error).unwrap();
    assert_eq!(serde_json::from_str::<ProbeError>(&text).unwrap(), error);
}
