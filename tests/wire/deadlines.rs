//! When a caller stops waiting: counted from its header, however late its body comes.

use serde_json::json;

use super::world::{World, call};

fn head(lines: &str, length: usize) -> String {
    format!(
        "POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{lines}Content-Length: {length}\r\n\r\n"
    )
}

#[tokio::test]
async fn a_call_whose_body_comes_after_its_deadline_never_starts() {
    let world = World::start(1).await;
    let body = call("echo", &json!(["k"]));
    let mut raw = world.connect().await;
    raw.send(head("x-wherever-deadline-ms: 50\r\n", body.len()) + &body[..10]).await;
    let answer = raw.answer().await.unwrap();
    let error = &answer.json()["error"];
    assert_eq!((&error["code"], &error["data"]["executed"]), (&json!(-32005), &json!("no")), "{answer:?}");
    assert_eq!(answer.header("connection").as_deref(), Some("close"));
    raw.send(&body[10..]).await;
    assert_eq!(raw.until_closed().await, "");
    world.unharmed("a late body", 0).await;
}

#[tokio::test]
async fn the_default_deadline_counts_from_the_header_too() {
    let short = std::time::Duration::from_millis(50);
    let world = World::start_with(1, move |builder| builder.default_deadline(short)).await;
    let mut raw = world.connect().await;
    raw.send(head("", 100)).await;
    assert_eq!(raw.answer().await.unwrap().json()["error"]["code"], -32005);
}
