//! One verdict for every case, whether calls go as frames or as HTTP requests.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use rpc_core::slot::Slot;
use wherever::with_deadline;

use super::probe::{Nested, OtherClient, Probe, ProbeClient, ProbeError, Shape};
use super::world::World;

/// What a caller can tell of each case: value, or error with kind, `executed` and words, without the names of nodes.
async fn verdicts(frames: bool) -> Vec<(&'static str, String)> {
    let world = World::start_with(2, move |builder| {
        builder.frames(frames).max_message(100_000).default_deadline(Duration::from_secs(5))
    })
    .await;
    let client: ProbeClient = world.cluster.client(0);
    let key = world.key_of(1);
    let key = key.as_str();
    let names: Vec<_> = world.cluster.nodes().map(|node| node.id().to_string()).collect();
    let mut verdicts = Vec::new();
    let mut add = |case, verdict: String| {
        let anonymous = names.iter().fold(verdict, |verdict, name| verdict.replace(name, "NODE"));
        let anonymous = anonymous.replace(key, "KEY");
        verdicts.push((case, anonymous));
    };
    add("a value", verdict(client.echo(key).await));
    let text = key_with(&world, " \u{1f980}\0\u{202e}");
    add("text", verdict(client.echo(&text).await.map(|answer| answer == text)));
    add("a recorded call", verdict(client.add(key, i64::MIN, -1).await));
    add("the widest integer", verdict(client.widest(key, u128::MAX).await));
    add("a float", verdict(client.float(key, -0.0).await));
    add("no float", verdict(client.float(key, f64::NAN).await));
    add("an option", verdict(client.optional(key, None).await));
    add("an enum", verdict(client.shape(key, Shape::Square { side: 7 }).await));
    add("a map", verdict(client.size(key, HashMap::from([("a".into(), 1)])).await));
    add("a large value", verdict(client.text(key, 99_000).await.map(|text| text.len())));
    add("a value of exactly the limit", verdict(client.text(key, 99_998).await.map(|text| text.len())));
    add("too large a value", verdict(client.text(key, 99_999).await));
    add("large arguments", verdict(client.echo(&key_with(&world, &"x".repeat(90_000))).await.map(|text| text.len())));
    add("too large arguments", verdict(client.echo(&key_with(&world, &"x".repeat(100_000))).await));
    add("nested", verdict(client.nested(key, nested(100)).await));
    for depth in [125, 126, 127, 128] {
        add("nested very deeply", verdict(client.nested(key, nested(depth)).await));
    }
    add("an unencodable value", verdict(client.not_finite(key).await));
    add("unencodable keys", verdict(client.odd_keys(key).await));
    add("its own error", verdict(client.refuse(key, -7).await));
    for how in ["at once", "later", "value", "holding", "spawned"] {
        add("a panic", verdict(client.panics(key, how).await));
    }
    add("any node", verdict(client.nothing().await));
    let short = Duration::from_millis(60);
    add("a deadline", deadline(short, client.hang(key)).await);
    add("a deadline of a detached method", deadline(short, client.outlast(key.to_owned())).await);
    add("no time at all", deadline(Duration::ZERO, client.echo(key)).await);
    let other: OtherClient = world.cluster.client(0);
    add("another service", format!("{:?}", super::probe::Other::alone(&other).await));
    world.cluster.node(1).leave();
    let left = deadline(Duration::from_millis(300), client.echo(key)).await;
    add("a node that leaves", left.split(':').next().unwrap().to_owned());
    verdicts
}

/// A key that the second node owns, and that ends like this.
fn key_with(world: &World, end: &str) -> String {
    let group = world.cluster.node(0).wherever().group("default");
    let is_its = |key: &String| {
        group.owner(Slot::of_text(key.as_bytes())).is_some_and(|owner| owner.node.id == *world.cluster.node(1).id())
    };
    (0..).map(|n| format!("{n:03}{end}")).find(is_its).unwrap()
}

fn nested(depth: usize) -> Nested {
    (0..depth).fold(Nested(Vec::new()), |inner, _| Nested(vec![inner]))
}

fn verdict<T: std::fmt::Debug>(result: Result<T, ProbeError>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(ProbeError::Rpc(error)) => format!("{}, executed {}: {}", error.kind(), error.executed(), error.message()),
        Err(own) => format!("own error: {own:?}"),
    }
}

async fn deadline<T: std::fmt::Debug>(wait: Duration, call: impl Future<Output = Result<T, ProbeError>>) -> String {
    // Either end may be the first to say that it is over.
    verdict(with_deadline(wait, call).await).split(": ").next().unwrap().to_owned()
}

#[tokio::test]
async fn frames_and_http_give_the_same_verdicts() {
    let (frames, http) = tokio::join!(verdicts(true), verdicts(false));
    assert_eq!(frames.len(), http.len());
    for (frames, http) in frames.into_iter().zip(http) {
        assert_eq!(frames, http, "by frames, and by HTTP");
    }
}
