//! A node on its way out, as those see it that still talk to it.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::timeout;
use wherever::Limits;

use super::raw::{Raw, post};
use super::world::{World, call, eventually};

#[tokio::test]
async fn a_leaving_node_is_no_gateway() {
    let world = World::start(2).await;
    world.cluster.node(0).leave();
    let error = &world.reply(0, call("echo", &json!([world.key_of(1)]))).await["error"];
    assert_eq!((&error["code"], &error["data"]["executed"]), (&json!(-32007), &json!("no")), "{error}");
    assert!(error["data"]["retry_after_ms"].is_u64(), "{error}");
    assert_eq!(world.ran(), 0);
}

#[tokio::test]
async fn half_a_body_holds_up_no_end() {
    let mut world = World::start(1).await;
    let mut raw = world.connect().await;
    raw.send("POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n").await;
    raw.send("Expect: 100-continue\r\nContent-Length: 100\r\n\r\n").await;
    assert_eq!(raw.answer().await.unwrap().status, 100, "the node waits for the body");
    timeout(Duration::from_secs(5), world.cluster.stop(0)).await.expect("the drain time is 10 s and not used up");
    assert_eq!(raw.until_closed().await, "");
}

#[tokio::test]
async fn one_drain_time_covers_connections_and_calls() {
    let drain = Duration::from_secs(2);
    let mut limits = Limits::default();
    limits.drain_time = drain;
    let mut world = World::start_with(1, move |builder| builder.limits(limits.clone())).await;
    let mut raw = Raw::connect(world.address(0)).await;
    raw.send(post(call("hang", &json!(["k"])))).await;
    eventually("the call runs", || world.ran() == 1).await;
    let began = Instant::now();
    world.cluster.stop(0).await;
    let took = began.elapsed();
    assert!(took >= drain && took < drain + drain * 3 / 4, "{took:?}");
}
