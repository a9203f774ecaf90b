//! Sizes, depths and counts over their limits: group C.

use rpc_core::limits::ENVELOPE_ROOM;

use super::raw::{Raw, post};
use super::row::{refused, refused_call, turned_away};
use super::world::World;

/// Small, to be reached quickly.
const LIMIT: usize = 64 << 10;

async fn limited() -> World {
    World::start_with(1, |builder| builder.max_message(LIMIT)).await
}

fn call_of(size: usize) -> String {
    let (before, after) = (r#"{"jsonrpc":"2.0","id":1,"method":"Probe.echo","params":["k"]"#, "}");
    format!("{before}{}{after}", " ".repeat(size - before.len() - after.len()))
}

#[tokio::test]
async fn a_body_is_taken_up_to_the_limit_and_not_a_byte_more() {
    let (world, limit) = (limited().await, LIMIT + ENVELOPE_ROOM);
    for size in [limit - 1, limit] {
        assert_eq!(world.reply(0, call_of(size)).await["result"], "k", "{size}");
    }
    let declared = "POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10737418240\r\n\r\n{";
    world
        .refuses([
            turned_away("one byte more", post(call_of(limit + 1)), 413, "limit"),
            turned_away("ten gigabytes, declared", declared, 413, "limit"),
        ])
        .await;
}

#[tokio::test]
async fn a_body_without_end_is_cut_at_the_limit() {
    let world = limited().await;
    let mut raw = world.connect().await;
    raw.send(
        "POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    )
    .await;
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    for _ in 0..2 + (LIMIT + ENVELOPE_ROOM) / 0x1000 {
        raw.send(&chunk).await;
    }
    let received = raw.until_closed().await;
    assert!(received.starts_with("HTTP/1.1 413") && received.contains("connection: close"), "{received}");
    world.unharmed("an endless body", 0).await;
}

#[tokio::test]
async fn bodies_share_their_memory_and_give_it_back() {
    let world = World::start_with(1, |builder| builder.max_message(LIMIT).max_body_memory(LIMIT)).await;
    let (large, half) = (call_of(LIMIT), LIMIT / 2);
    let mut first = world.connect().await;
    let head = format!("Expect: 100-continue\r\nContent-Length: {}\r\n\r\n", large.len());
    first.send(format!("POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{head}")).await;
    assert_eq!(first.answer().await.unwrap().status, 100);
    first.send(&large[..half]).await;
    // The node may not have read the first half yet; once it has, there is no room for a second one beside it.
    let turned_away = async {
        loop {
            let answer = world.send(post(call_of(LIMIT))).await.unwrap();
            if answer.status == 503 {
                return answer;
            }
        }
    };
    let answer = tokio::time::timeout(std::time::Duration::from_secs(10), turned_away).await.expect("turned away");
    assert!(answer.header("retry-after").is_some() && answer.json()["executed"] == "no", "{answer:?}");
    first.send(&large[half..]).await;
    assert_eq!(first.answer().await.unwrap().json()["result"], "k");
    assert_eq!(world.reply(0, call_of(LIMIT)).await["result"], "k", "the memory is free again");
}

#[tokio::test]
async fn nesting_is_taken_to_127_levels() {
    let world = World::start(1).await;
    let nested = |depth: usize| format!("[\"k\",{}{}]", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(world.result("nested", &nested(127)).await, "null");
    assert_eq!(world.result("value", &nested(127)).await, "null");
    let brackets = "[".repeat(100_000);
    world
        .refuses([
            refused_call("nested", &nested(128), -32602, "argument `value`"),
            refused_call("value", &nested(128), -32602, "argument `value`"),
            refused_call("value", &nested(100_000), -32700, "nested deeper"),
            refused(&brackets, -32700, "nested deeper"),
            refused(r#"{"a":"#.repeat(100_000), -32700, "nested deeper"),
            refused(format!(r#"{{"jsonrpc":"2.0","id":{brackets}"#), -32700, "nested deeper"),
        ])
        .await;
}

#[tokio::test]
async fn headers_and_paths_are_bounded() {
    let world = World::start(1).await;
    let with = |lines: &str| format!("GET /wherever/health HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
    let many: String = (0..100).map(|n| format!("x-{n}: 1\r\n")).collect();
    for (what, request, status) in [
        ("100 headers", with(&many), "431"),
        ("a header of 70 kB", with(&format!("x: {}\r\n", "x".repeat(70_000))), "431"),
        ("a header of 1 MB", with(&format!("x: {}\r\n", "x".repeat(1 << 20))), "431"),
        ("a path of 16 kB", format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(16 << 10)), "414"),
    ] {
        let mut raw = world.connect().await;
        raw.send(request).await;
        let received = raw.until_closed().await;
        // A node that closes with unread bytes resets the connection, which may overtake the answer.
        assert!(received.is_empty() || received.starts_with(&format!("HTTP/1.1 {status}")), "{what}: {received}");
        world.unharmed(what, world.ran()).await;
    }
}

#[tokio::test]
async fn a_reply_over_the_limit_says_that_the_call_ran() {
    let world = limited().await;
    let reply = world.reply(0, r#"{"jsonrpc":"2.0","id":1,"method":"Probe.text","params":["k",70000]}"#).await;
    assert_eq!(reply["error"]["data"]["kind"], "too_large");
    assert_eq!(reply["error"]["data"]["executed"], "yes");
    world.unharmed("a large reply", 1).await;
}

#[tokio::test]
async fn one_connection_takes_thousands_of_requests() {
    let world = World::start(1).await;
    let mut raw = world.connect().await;
    for _ in 0..2_000 {
        raw.send(post(r#"{"jsonrpc":"2.0","id":1,"method":"Probe.echo","params":["k"]}"#)).await;
        assert_eq!(raw.answer().await.unwrap().body, r#"{"jsonrpc":"2.0","id":1,"result":"k"}"#);
    }
    assert_eq!(world.cluster.node(0).view().counts.in_flight, 0);
}

#[tokio::test]
async fn hundreds_of_connections_are_served_side_by_side() {
    let world = World::start(1).await;
    let mut open = Vec::new();
    for _ in 0..300 {
        open.push(Raw::connect(world.address(0)).await);
    }
    for raw in &mut open {
        raw.send(post(r#"{"jsonrpc":"2.0","id":1,"method":"Probe.echo","params":["k"]}"#)).await;
    }
    for raw in &mut open {
        assert_eq!(raw.answer().await.unwrap().json()["result"], "k");
    }
    drop(open);
    world.unharmed("300 connections", 300).await;
}
