//! The gateway: calls of foreign clients at a node that does not own their key.

use serde_json::json;

use super::raw::post;
use super::row::{Row, refused_call};
use super::world::{World, call};

#[tokio::test]
async fn arguments_are_forwarded_byte_for_byte() {
    let world = World::start(3).await;
    for node in 0..3 {
        let key = world.key_of(node);
        for number in ["12345678901234567890123", "18446744073709551616", "-170141183460469231731687303715884105728"] {
            for params in [
                format!("[\"{key}\",{number}]"),
                format!("{{\"value\":{number},\"key\":\"{key}\"}}"),
                format!("{{ \"\\u0076alue\" : {number} ,\n\"key\" : \"{}\" }}", key.replace('k', "\\u006b")),
            ] {
                assert_eq!(world.result("wide", &params).await, number, "{params}");
            }
        }
    }
    assert!(world.cluster.node(0).view().counts.remote > 0 && world.cluster.node(0).view().counts.redirects == 0);
}

#[tokio::test]
async fn a_refusal_of_the_owner_comes_back_through_the_gateway() {
    let world = World::start(2).await;
    let far = |method: &str, rest: &str, says: &'static str| -> Row {
        refused_call(method, &format!("[\"{}\"{rest}]", world.key_of(1)), -32602, says)
    };
    world
        .refuses([
            far("add", ",1.0,2", "argument `a` (position 1)"),
            far("add", ",1", "argument `b` (position 2) is missing"),
            far("unsigned", ",18446744073709551616", "argument `value`"),
            far("optional", ",\"\\ud800\"", "argument `text`"),
        ])
        .await;
}

#[tokio::test]
async fn any_node_runs_what_has_no_key() {
    let world = World::start(2).await;
    for node in [0, 1] {
        let reply = world.reply(node, r#"{"jsonrpc":"2.0","id":1,"method":"Probe.nothing"}"#).await;
        assert_eq!(reply, json!({"jsonrpc": "2.0", "id": 1, "result": null}));
    }
}

#[tokio::test]
async fn a_gateway_whose_owner_is_gone_says_that_nothing_ran() {
    let mut world = World::start(2).await;
    let key = world.key_of(1);
    world.cluster.kill(1).await;
    let reply = world.reply(0, call("add", &json!([key, 1, 2]))).await;
    assert_eq!(
        (&reply["error"]["code"], &reply["error"]["data"]["executed"]),
        (&json!(-32002), &json!("no")),
        "{reply}"
    );
    world.unharmed("a lost owner", 0).await;
}

#[tokio::test]
async fn a_gateway_whose_owner_dies_in_the_call_says_that_it_may_have_run() {
    let mut world = World::start(2).await;
    let mut raw = world.connect().await;
    raw.send(post(call("hang", &json!([world.key_of(1)])))).await;
    world.watch.started.notified().await;
    world.cluster.kill(1).await;
    let reply = raw.answer().await.unwrap().json();
    assert_eq!(
        (&reply["error"]["code"], &reply["error"]["data"]["executed"]),
        (&json!(-32008), &json!("maybe")),
        "{reply}"
    );
    assert_eq!(reply["error"]["data"]["kind"], "unavailable", "the gateway asked once more, and found nobody");
    world.unharmed("a dead owner", 1).await;
}
