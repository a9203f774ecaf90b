//! Requests cut short, run together or sent by halves: D9 to D12, G9, and what could smuggle a second call.

use serde_json::json;

use super::raw::post;
use super::world::{World, call};

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"Probe.echo","params":["k"]}"#;

fn head(lines: &str) -> String {
    format!("POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{lines}\r\n")
}

#[tokio::test]
async fn a_body_cut_short_never_runs() {
    let world = World::start(1).await;
    let mut raw = world.connect().await;
    raw.send(head(&format!("Content-Length: {}\r\n", CALL.len() + 1)) + CALL).await;
    raw.finish().await;
    let received = raw.until_closed().await;
    assert!(received.is_empty() || received.starts_with("HTTP/1.1 400"), "{received}");
    world.unharmed("a short body", 0).await;
}

#[tokio::test]
async fn what_follows_a_body_is_no_call() {
    let world = World::start(1).await;
    let mut raw = world.connect().await;
    raw.send(head(&format!("Content-Length: {}\r\n", CALL.len())) + CALL + CALL).await;
    assert_eq!(raw.answer().await.unwrap().json()["result"], "k");
    let received = raw.until_closed().await;
    assert!(received.is_empty() || received.starts_with("HTTP/1.1 400"), "{received}");
    world.unharmed("a long body", 1).await;
}

#[tokio::test]
async fn a_request_in_doubt_never_smuggles_a_call() {
    let world = World::start(1).await;
    let (length, hidden) = (CALL.len(), String::from_utf8(post(CALL)).unwrap());
    let chunked = format!("{length:x}\r\n{CALL}\r\n0\r\n\r\n");
    for (what, request) in [
        ("both lengths", head("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n" + &hidden),
        ("two lengths", head(&format!("Content-Length: {length}\r\nContent-Length: 4\r\n")) + CALL + &hidden),
        ("a signed length", head(&format!("Content-Length: +{length}\r\n")) + CALL + &hidden),
        ("a list of codings", head("Transfer-Encoding: chunked, identity\r\n") + &chunked + &hidden),
        ("an unknown coding", head("Transfer-Encoding: xchunked\r\n") + &chunked + &hidden),
        ("a folded line", head(&format!("x: 1\r\n Content-Length: {length}\r\n")) + CALL + &hidden),
        ("a space before the colon", head(&format!("Content-Length : {length}\r\n")) + CALL + &hidden),
        (
            "no host",
            format!(
                "POST /rpc HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{CALL}{hidden}"
            ),
        ),
        ("a carriage return in a value", head(&format!("x: a\rb\r\nContent-Length: {length}\r\n")) + CALL + &hidden),
        ("an overflowing chunk", head("Transfer-Encoding: chunked\r\n") + "FFFFFFFFFFFFFFFF1\r\n" + CALL + &hidden),
        ("an endless extension", head("Transfer-Encoding: chunked\r\n") + "1;" + &"x".repeat(1 << 20) + "\r\n" + CALL),
    ] {
        let before = world.ran();
        let mut raw = world.connect().await;
        raw.send(request).await;
        let received = raw.until_closed().await;
        assert!(!received.contains("result"), "{what}: {received}");
        world.unharmed(what, before).await;
    }
    // Lines that end with a bare LF are read, as PROTOCOL says.
    let mut raw = world.connect().await;
    let before = world.ran();
    raw.send(head(&format!("Content-Length: {length}\r\n")).replace("\r\n", "\n") + CALL).await;
    assert_eq!(raw.answer().await.unwrap().json()["result"], "k");
    world.unharmed("bare line feeds", before + 1).await;
    // So are chunks beside a length, and nothing behind them.
    let mut raw = world.connect().await;
    let before = world.ran();
    raw.send(head("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n") + &chunked + &hidden).await;
    assert_eq!(raw.answer().await.unwrap().json()["result"], "k");
    assert_eq!(raw.until_closed().await, "");
    world.unharmed("a length beside chunks", before + 1).await;
    // A length in the trailers means nothing: this is one request of one meaning, and then another.
    let mut raw = world.connect().await;
    let before = world.ran();
    let trailed = format!("{length:x}\r\n{CALL}\r\n0\r\nContent-Length: 4\r\n\r\n");
    raw.send(head("Transfer-Encoding: chunked\r\n") + &trailed + &hidden).await;
    for _ in 0..2 {
        assert_eq!(raw.answer().await.unwrap().json()["result"], "k");
    }
    world.unharmed("a length in trailers", before + 2).await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let world = World::start(2).await;
    let keys: Vec<_> = (0..100).map(|n| format!("key{n}")).collect();
    let requests = keys.iter().enumerate().map(|(id, key)| {
        post(json!({"jsonrpc": "2.0", "id": id, "method": "Probe.echo", "params": [key]}).to_string())
    });
    let mut raw = world.connect().await;
    raw.send(requests.collect::<Vec<_>>().concat()).await;
    for (id, key) in keys.iter().enumerate() {
        assert_eq!(raw.answer().await.unwrap().json(), json!({"jsonrpc": "2.0", "id": id, "result": key}));
    }
}

#[tokio::test]
async fn a_client_that_asks_to_continue_is_told_so() {
    let world = World::start(1).await;
    let mut raw = world.connect().await;
    raw.send(head(&format!("Expect: 100-continue\r\nContent-Length: {}\r\n", CALL.len()))).await;
    assert_eq!(raw.answer().await.unwrap().status, 100);
    raw.send(CALL).await;
    assert_eq!(raw.answer().await.unwrap().json()["result"], "k");
    // Refused by its headers alone, it need not send the body.
    let mut raw = world.connect().await;
    raw.send("POST /rpc HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n").await;
    assert_eq!(raw.answer().await.unwrap().status, 415);
    world.unharmed("an expectation", 1).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_half_way_does_not_end_its_call() {
    let world = World::start(1).await;
    let mut raw = world.connect().await;
    raw.send(post(CALL.replace("echo", "wait"))).await;
    world.watch.started.notified().await;
    raw.finish().await;
    // The node may answer or close, but the call goes on either way.
    world.watch.release.notify_waiters();
    let received = raw.until_closed().await;
    assert!(received.is_empty() || received.contains("\"result\":\"k\""), "{received}");
    super::world::eventually("the call ended", || world.cluster.node(0).view().counts.in_flight == 0).await;
    assert_eq!(world.watch.dropped.load(std::sync::atomic::Ordering::SeqCst), 0);
    world.unharmed("half a hang-up", 1).await;
}

#[tokio::test]
async fn a_client_that_ends_its_sending_side_is_not_answered_a_call_that_was_passed_on() {
    let world = World::start(2).await;
    let mut raw = world.connect().await;
    raw.send(post(call("wait", &json!([world.key_of(1)])))).await;
    world.watch.started.notified().await;
    raw.finish().await;
    assert_eq!(raw.until_closed().await, "", "as PROTOCOL says of a half-close");
    world.watch.release.notify_waiters();
    let in_flight = || world.cluster.nodes().map(|node| node.view().counts.in_flight).sum::<u64>();
    super::world::eventually("the call ended", || in_flight() == 0).await;
    assert_eq!(world.watch.dropped.load(std::sync::atomic::Ordering::SeqCst), 0);
}
