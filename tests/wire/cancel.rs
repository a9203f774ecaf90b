//! `wherever.cancel`, by those who may and those who may not.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rpc_core::slot::Slot;
use serde_json::json;

use super::raw::post_with;
use super::world::{SESSION, World, call, eventually};

fn cancel(sequence: u64) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": "wherever.cancel", "params": {"call": format!("{SESSION}-{sequence}-0")}})
        .to_string()
}

#[tokio::test]
async fn only_the_session_that_made_a_call_takes_it_back() {
    let world = World::start(1).await;
    let lines = world.headers(Slot::of_text(b"k"), 1, 5);
    let cancelling = async {
        world.watch.started.notified().await;
        for stranger in [lines.replace(SESSION, "00c0ffee00c0ffef"), String::new()] {
            let refused = world.reply_with(0, &stranger, cancel(5)).await;
            assert_eq!(refused["error"]["code"], -32006, "{refused}");
        }
        assert_eq!(world.watch.dropped.load(Ordering::SeqCst), 0);
        assert_eq!(world.reply_with(0, &lines, cancel(5)).await["result"], true);
    };
    let (reply, ()) = tokio::join!(world.reply_with(0, &lines, call("hang", &json!(["k"]))), cancelling);
    assert_eq!((&reply["error"]["code"], &reply["error"]["data"]["kind"]), (&json!(-32008), &json!("cancelled")));
    assert_eq!(reply["error"]["data"]["executed"], "maybe");
    eventually("dropped", || world.watch.dropped.load(Ordering::SeqCst) == 1).await;
    world.unharmed("a cancellation", 1).await;
}

#[tokio::test]
async fn a_cancellation_may_overtake_its_call() {
    let world = World::start(1).await;
    let lines = |sequence| world.headers(Slot::of_text(b"k"), 1, sequence);
    assert_eq!(world.reply_with(0, &lines(7), cancel(7)).await["result"], false);
    let reply = world.reply_with(0, &lines(7), call("echo", &json!(["k"]))).await;
    assert_eq!(
        (&reply["error"]["data"]["kind"], &reply["error"]["data"]["executed"]),
        (&json!("cancelled"), &json!("no"))
    );
    assert_eq!(
        world.reply_with(0, &lines(8), call("echo", &json!(["k"]))).await["result"],
        "k",
        "the next is unharmed"
    );
    world.unharmed("an early cancellation", 1).await;
}

#[tokio::test]
async fn a_cancellation_that_cannot_be_read_is_refused() {
    let world = World::start(1).await;
    let lines = world.headers(Slot::of_text(b"k"), 1, 5);
    let id = format!("\"{SESSION}-5-0\"");
    let bad = [
        "{}".to_owned(),
        "[]".to_owned(),
        r#"{"call":5}"#.to_owned(),
        r#"{"call":"5"}"#.to_owned(),
        r#"{"call":null}"#.to_owned(),
        format!("[{id}]"),
        format!("[[{id}]]"),
        format!(r#"{{"call":{id},"more":1}}"#),
        format!(r#"{{"call":{id},"call":{id}}}"#),
        format!(r#"{{"call":{id},"calls":[{id}]}}"#),
        format!(r#"{{"calls":{id}}}"#),
    ];
    for params in bad {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"wherever.cancel","params":{params}}}"#);
        let reply = world.reply_with(0, &lines, body).await;
        assert_eq!(reply["error"]["code"], -32602, "{params}: {reply}");
    }
    world.unharmed("bad cancellations", 0).await;
}

/// How long the nodes of these tests go on with a call whose foreign caller hung up.
const PATIENCE: Duration = Duration::from_millis(300);

async fn impatient(nodes: usize) -> World {
    World::start_with(nodes, |builder| builder.default_deadline(PATIENCE)).await
}

/// Sends a body with these header lines, waits until `ran` methods have started in all, and hangs up.
async fn hang_up(world: &World, lines: &str, body: String, ran: u64) -> Instant {
    let mut raw = world.connect().await;
    raw.send(post_with(&format!("Content-Type: application/json\r\n{lines}"), body)).await;
    eventually("all have started", || world.ran() == ran).await;
    let began = Instant::now();
    drop(raw);
    began
}

fn batch(calls: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", calls.into_iter().collect::<Vec<_>>().join(","))
}

const AN_HOUR: &str = "x-wherever-deadline-ms: 3600000\r\n";

fn dropped(world: &World) -> u64 {
    world.watch.dropped.load(Ordering::SeqCst)
}

fn in_flight(world: &World) -> u64 {
    world.cluster.nodes().map(|node| node.view().counts.in_flight).sum()
}

#[tokio::test]
async fn a_foreign_caller_that_hangs_up_gives_its_places_back() {
    for owner in [0, 1] {
        let world = impatient(2).await;
        let call = call("hang", &json!([world.key_of(owner)]));
        let gone = hang_up(&world, AN_HOUR, batch(vec![call; 20]), 20).await;
        eventually("the methods are dropped", || dropped(&world) == 20).await;
        assert!(gone.elapsed() >= PATIENCE, "a started call is never dropped at once: {:?}", gone.elapsed());
        eventually("no place is taken", || in_flight(&world) == 0).await;
        world.unharmed("a hang-up", 20).await;
    }
}

#[tokio::test]
async fn a_detached_method_runs_on_after_its_foreign_caller_hung_up() {
    for owner in [0, 1] {
        let world = impatient(2).await;
        let calls = ["hang", "outlast"].map(|method| call(method, &json!([world.key_of(owner)])));
        hang_up(&world, AN_HOUR, batch(calls), 2).await;
        eventually("the other is dropped", || dropped(&world) == 1).await;
        world.watch.release.notify_waiters();
        eventually("it has ended", || in_flight(&world) == 0).await;
        assert_eq!(dropped(&world), 1);
        world.unharmed("a detached method", 2).await;
    }
}

#[tokio::test]
async fn a_call_of_ours_outlives_its_connection_until_it_is_taken_back() {
    let world = impatient(1).await;
    let lines = |sequence| world.headers(Slot::of_text(b"k"), 1, sequence);
    hang_up(&world, &lines(5), call("wait", &json!(["k"])), 1).await;
    hang_up(&world, AN_HOUR, call("hang", &json!(["k"])), 2).await;
    eventually("the foreign one is dropped", || dropped(&world) == 1).await;
    assert_eq!(world.reply_with(0, &lines(6), cancel(5)).await["result"], true, "ours went on");
    eventually("ours is dropped", || dropped(&world) == 2 && in_flight(&world) == 0).await;
    world.unharmed("a lost connection", 2).await;
}
