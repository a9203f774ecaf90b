//! `wherever.cancel`, by those who may and those who may not.

use std::sync::atomic::Ordering;

use rpc_core::slot::Slot;
use serde_json::json;

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
