//! Batches: mixed, too long, of notifications only.

use rpc_core::limits::MAX_BATCH;
use serde_json::{Value, json};

use super::raw::{post, post_with};
use super::row::refused;
use super::world::World;

fn request(id: &Value, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

#[tokio::test]
async fn each_request_of_a_batch_has_its_own_fate() {
    let world = World::start(3).await;
    let batch = json!([
        request(&json!("near"), "Probe.echo", &json!([world.key_of(0)])),
        request(&json!("far"), "Probe.add", &json!({"b": 2, "a": 40, "key": world.key_of(1)})),
        {"jsonrpc": "2.0", "method": "Probe.echo", "params": ["notified"]},
        {"jsonrpc": "2.0", "method": "no.such"},
        request(&json!(3), "no.such", &json!([])),
        request(&json!(4), "Probe.echo", &json!([7])),
        {"id": 5},
        17,
        request(&json!(6), "Probe.refuse", &json!([world.key_of(2), 9])),
    ]);
    let Value::Array(replies) = world.reply(0, batch.to_string()).await else { panic!("a batch's reply is an array") };
    let of = |id: Value| replies.iter().find(|reply| reply["id"] == id).unwrap();
    assert_eq!(replies.len(), 7);
    assert_eq!(of(json!("near"))["result"], world.key_of(0).as_str());
    assert_eq!(of(json!("far"))["result"], 42);
    assert_eq!(of(json!(3))["error"]["code"], -32601);
    assert_eq!(of(json!(4))["error"]["code"], -32602);
    assert_eq!(of(json!(5))["error"]["code"], -32600);
    assert_eq!(of(Value::Null)["error"]["code"], -32600);
    assert_eq!(of(json!(6))["error"]["code"], 1);
    world.unharmed("a mixed batch", 4).await;
}

#[tokio::test]
async fn a_batch_is_taken_up_to_its_cap() {
    let world = World::start(1).await;
    let of = |size: usize| Value::from(vec![request(&json!(1), "Probe.echo", &json!(["k"])); size]).to_string();
    assert_eq!(world.reply(0, of(MAX_BATCH)).await.as_array().unwrap().len(), MAX_BATCH);
    world.refuses([refused(of(MAX_BATCH + 1), -32600, "over the limit of 100")]).await;
    world.refuses([refused(format!("[{}1]", "1,".repeat(500_000)), -32600, "over the limit of 100")]).await;
}

#[tokio::test]
async fn a_batch_of_notifications_gets_no_content() {
    let world = World::start(1).await;
    let batch = json!([{"jsonrpc": "2.0", "method": "Probe.nothing"}, {"jsonrpc": "2.0", "method": "Probe.nothing"}]);
    let answer = world.send(post(batch.to_string())).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    world.unharmed("notifications", 2).await;
}

#[tokio::test]
async fn a_batch_cannot_carry_the_name_of_one_call() {
    let world = World::start(1).await;
    let lines = format!("Content-Type: application/json\r\nx-wherever-call: {}-1-0\r\n", super::world::SESSION);
    let batch = json!([request(&json!(1), "Probe.echo", &json!(["k"]))]).to_string();
    let answer = world.send(post_with(&lines, batch)).await.unwrap();
    assert_eq!(answer.json()[0]["error"]["code"], -32600);
    world.unharmed("a named batch", 0).await;
}

#[tokio::test]
async fn the_replies_of_a_batch_share_their_room() {
    let world = World::start_with(1, |builder| builder.max_message(64 << 10)).await;
    let batch = vec![request(&json!(1), "Probe.text", &json!(["k", 60_000])); 6];
    let Value::Array(replies) = world.reply(0, Value::from(batch).to_string()).await else { panic!("an array") };
    let (whole, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply["result"].is_string());
    assert_eq!((whole.len(), refused.len()), (4, 2));
    for reply in refused {
        assert_eq!(reply["error"]["code"], -32603);
        assert_eq!(
            (&reply["error"]["data"]["kind"], &reply["error"]["data"]["executed"]),
            (&json!("too_large"), &json!("yes"))
        );
    }
    world.unharmed("a large batch", 6).await;
}
