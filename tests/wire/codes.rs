//! The codes that the other modules have not shown: overload and shutdown.

use serde_json::json;

use super::raw::post;
use super::world::{World, call};

#[tokio::test]
async fn a_full_node_says_when_to_come_back() {
    let world = World::start_with(1, |builder| builder.max_in_flight(1)).await;
    let mut first = world.connect().await;
    first.send(post(call("wait", &json!(["k"])))).await;
    world.watch.started.notified().await;
    let error = &world.reply(0, call("echo", &json!(["k"]))).await["error"];
    assert_eq!((&error["code"], &error["data"]["executed"]), (&json!(-32004), &json!("no")));
    assert!(error["data"]["retry_after_ms"].as_u64().unwrap() > 0);
    world.watch.release.notify_waiters();
    assert_eq!(first.answer().await.unwrap().json()["result"], "k");
    world.unharmed("an overload", 1).await;
}

#[tokio::test]
async fn a_node_on_its_way_out_refuses_what_has_not_started() {
    let world = World::start(1).await;
    let mut first = world.connect().await;
    first.send(post(call("wait", &json!(["k"])))).await;
    world.watch.started.notified().await;
    world.cluster.node(0).leave();
    let error = &world.reply(0, call("echo", &json!(["k"]))).await["error"];
    assert_eq!((&error["code"], &error["data"]["executed"]), (&json!(-32007), &json!("no")));
    let ready = world.send("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(ready.status, 503);
    let health = world.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(health.status, 200);
    world.watch.release.notify_waiters();
    assert_eq!(first.answer().await.unwrap().json()["result"], "k", "what runs is finished");
    assert_eq!(world.ran(), 1);
}
