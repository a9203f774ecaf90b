//! Methods that panic, hang, or answer too late or what cannot be written: group F, B15, B16.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;

use super::raw::post;
use super::row::assert_discreet;
use super::world::{World, call, eventually};

#[tokio::test]
async fn a_panic_is_an_error_of_its_call_and_of_nothing_else() {
    let world = World::start(2).await;
    for key in [world.key_of(0), world.key_of(1)] {
        for how in ["text", "value", "later", "holding", "holding"] {
            let ran = world.ran();
            let mut raw = world.connect().await;
            raw.send(post(call("panics", &json!([key, how])))).await;
            let answer = raw.answer().await.unwrap();
            assert_discreet(how, &answer);
            let error = &answer.json()["error"];
            assert_eq!((&error["code"], &error["data"]["kind"]), (&json!(-32603), &json!("panicked")), "{how}");
            assert_eq!(error["data"]["executed"], "maybe", "{how}");
            raw.send(post(call("echo", &json!(["same connection"])))).await;
            assert_eq!(raw.answer().await.unwrap().json()["result"], "same connection");
            world.unharmed(how, ran + 2).await;
        }
    }
}

#[tokio::test]
async fn a_panic_in_a_task_or_a_destructor_spares_the_node() {
    let world = World::start(1).await;
    let reply = world.reply(0, call("panics", &json!(["k", "spawned"]))).await;
    assert_eq!(reply["error"]["code"], 1, "{reply}");
    let reply = world.reply_with(0, "x-wherever-deadline-ms: 20\r\n", call("panics", &json!(["k", "drop"]))).await;
    assert_eq!(reply["error"]["data"]["kind"], "deadline", "{reply}");
    world.unharmed("a destructor", 2).await;
}

#[tokio::test]
async fn a_providers_own_error_has_code_1_and_its_data() {
    let world = World::start(2).await;
    for key in [world.key_of(0), world.key_of(1)] {
        let reply = world.reply(0, call("refuse", &json!([key, 42]))).await;
        let error = json!({"code": 1, "message": "refused with 42", "data": {"Refused": {"code": 42}}});
        assert_eq!(reply, json!({"jsonrpc": "2.0", "id": 1, "error": error}));
    }
    assert_eq!(world.ran(), 2, "it is never tried again");
}

#[tokio::test]
async fn a_value_that_json_cannot_say_is_an_error_that_ran() {
    let world = World::start(2).await;
    for key in [world.key_of(0), world.key_of(1)] {
        for method in ["not_finite", "odd_keys"] {
            let (ran, reply) = (world.ran(), world.reply(0, call(method, &json!([key]))).await);
            let error = &reply["error"];
            assert_eq!((&error["code"], &error["data"]["kind"]), (&json!(-32603), &json!("encode")), "{reply}");
            assert_eq!(error["data"]["executed"], "yes");
            world.unharmed(method, ran + 1).await;
        }
    }
}

#[tokio::test]
async fn a_method_that_never_returns_is_dropped_at_the_deadline() {
    let world = World::start(2).await;
    for (done, node) in [(1, 0), (2, 1)] {
        let began = Instant::now();
        let body = call("hang", &json!([world.key_of(node)]));
        let reply = world.reply_with(0, "x-wherever-deadline-ms: 100\r\n", body).await;
        assert_eq!((&reply["error"]["code"], &reply["error"]["data"]["executed"]), (&json!(-32005), &json!("maybe")));
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(90) && took < Duration::from_secs(2), "{took:?}");
        eventually("dropped", || world.watch.dropped.load(Ordering::SeqCst) == done).await;
        eventually("nothing in flight", || world.cluster.nodes().all(|node| node.view().counts.in_flight == 0)).await;
    }
    world.unharmed("hanging methods", 2).await;
}

#[tokio::test]
async fn deadlines_are_read_strictly_and_clamped() {
    let world = World::start(1).await;
    let asked = async |deadline: &str| {
        let lines = format!("x-wherever-deadline-ms: {deadline}\r\n");
        let reply = world.reply_with(0, &lines, call("echo", &json!(["k"]))).await;
        (reply["error"]["code"].as_i64(), reply["error"]["data"]["executed"].as_str().map(str::to_owned))
    };
    let no = Some("no".to_owned());
    assert_eq!(asked("0").await, (Some(-32005), no.clone()));
    for bad in ["-1", "NaN", "1e18", "1.5", "", "+500", "0x10", "1 000"] {
        assert_eq!(asked(bad).await, (Some(-32600), no.clone()), "{bad:?}");
    }
    assert_eq!(world.ran(), 0);
    for huge in ["99999999999999999999", "18446744073709551615", "5000"] {
        assert_eq!(asked(huge).await, (None, None), "{huge}");
    }
    world.unharmed("deadlines", 3).await;
}

#[tokio::test]
async fn health_is_answered_while_calls_hang() {
    let world = World::start(1).await;
    let mut hanging = Vec::new();
    for _ in 0..50 {
        let mut raw = world.connect().await;
        raw.send(post(call("hang", &json!(["k"])))).await;
        world.watch.started.notified().await;
        hanging.push(raw);
    }
    let health = world.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(health.status, 200);
    world.unharmed("fifty hanging calls", 50).await;
}
