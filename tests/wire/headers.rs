//! The headers between nodes, from whoever sends them: well-formed, wrong, forged.

use rpc_core::slot::Slot;
use serde_json::{Value, json};

use super::world::{SESSION, World, call};

#[tokio::test]
async fn a_client_of_ours_is_served_by_the_owner_and_redirected_by_others() {
    let world = World::start(3).await;
    let key = world.key_of(1);
    let slot = Slot::of_text(key.as_bytes());
    let body = call("echo", &json!([key]));
    let reply = world.reply_with(1, &world.headers(slot, 1, 1), &body).await;
    assert_eq!(reply["result"], key.as_str());
    let ran = world.ran();
    let error = &world.reply_with(0, &world.headers(slot, 1, 2), &body).await["error"];
    assert_eq!(error["code"], -32001);
    let owner = world.cluster.node(1);
    for (member, value) in [
        ("kind", json!("moved")),
        ("executed", json!("no")),
        ("slot", json!(slot.get())),
        ("epoch", json!(1)),
        ("node", json!(owner.id())),
        ("address", json!(owner.address())),
    ] {
        assert_eq!(error["data"][member], value, "{member}");
    }
    world.unharmed("a redirect", ran).await;
}

/// What a request with these header lines is answered, by code, kind and text.
async fn refusal(world: &World, lines: &str) -> (i64, String, String) {
    let ran = world.ran();
    let reply = world.reply_with(0, lines, call("echo", &json!([world.key_of(0)]))).await;
    let error = &reply["error"];
    assert_eq!(error["data"]["executed"], "no", "{lines}: {reply}");
    world.unharmed(lines, ran).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (error["code"].as_i64().unwrap(), text(&error["data"]["kind"]), text(&error["message"]))
}

#[tokio::test]
async fn headers_that_cannot_be_read_are_named() {
    let world = World::start(2).await;
    let slot = Slot::of_text(world.key_of(0).as_bytes());
    let good = world.headers(slot, 1, 1);
    let path = vec!["Probe.echo"; 33].join(">");
    for (lines, code, says) in [
        (good.replace(&format!("slot={slot}"), "slot=16384"), -32600, "its slot"),
        (good.replace(&format!("slot={slot}"), "slot=-1"), -32600, "its slot"),
        (good.replace(&format!("slot={slot}"), "slot=4294967295"), -32600, "its slot"),
        (good.replace("epoch=1", "epoch=soon"), -32600, "its epoch"),
        (good.replace("epoch=1", "epoch=-1"), -32600, "its epoch"),
        (good.replace("5000", "NaN"), -32600, "its ms"),
        (good.replace("5000", "+500"), -32600, "its ms"),
        (good.replace("5000", ""), -32600, "its ms"),
        (good.replace("epoch=1", "epoch=+1"), -32600, "its epoch"),
        (good.replace("\r\n", ";\r\n").replace(";cluster=", ";x="), -32600, "its members"),
        (good.replace("slot=", "x=;slot="), -32600, "its members"),
        (good.replace(world.cluster.node(0).cluster_id(), ""), -32600, "its cluster"),
        (good.replace(SESSION, "me"), -32600, "x-wherever-call"),
        (good.replace("-1-0", "-0-0"), -32600, "x-wherever-call"),
        (good.replace("-1-0", "-1-1"), -32600, "x-wherever-call"),
        (format!("{good}x-wherever-hops: 256\r\n"), -32600, "x-wherever-hops"),
        (format!("{good}x-wherever-hops: 5\r\n"), -32600, "goes in a circle"),
        (format!("{good}x-wherever-path: >>>\r\n"), -32600, "no method's name"),
        (format!("{good}x-wherever-path: nodots\r\n"), -32600, "no method's name"),
        // From a stranger too: nothing that cannot be meant is passed over.
        ("x-wherever-hops: 5\r\n".to_owned(), -32600, "goes in a circle"),
        ("x-wherever-hops: 999\r\n".to_owned(), -32600, "x-wherever-hops"),
        ("x-wherever-hops: a\r\n".to_owned(), -32600, "x-wherever-hops"),
        ("x-wherever-path: >>>\r\n".to_owned(), -32600, "no method's name"),
        (format!("x-wherever-path: {path}\r\n"), -32600, "nested more than 32 deep"),
        (format!("{good}x-wherever-path: {path}\r\n"), -32600, "nested more than 32 deep"),
        (format!("{good}x-wherever-path: {}\r\n", "x".repeat(33_000)), -32600, "longer than"),
        (format!("{good}x-wherever-path: \u{e9}\r\n"), -32600, "x-wherever-path"),
    ] {
        let (found, _, message) = refusal(&world, &lines).await;
        assert_eq!(found, code, "{lines}: {message}");
        assert!(message.contains(says), "{lines}: {message}");
    }
}

#[tokio::test]
async fn headers_that_contradict_the_node_are_refused() {
    let world = World::start(2).await;
    let slot = Slot::of_text(world.key_of(0).as_bytes());
    let good = world.headers(slot, 1, 1);
    let other = if slot.get() == 7 { 8 } else { 7 };
    for (lines, code, kind) in [
        (good.replace(world.cluster.node(0).cluster_id(), "another"), -32006, "unauthorised"),
        (good.replace(&format!("slot={slot}"), &format!("slot={other}")), -32602, "slot_mismatch"),
        (good.replace("epoch=1", "epoch=2"), -32002, "wrong_epoch"),
        (good.replace("epoch=1", "epoch=18446744073709551615"), -32002, "wrong_epoch"),
        (good.replace("5000", "0"), -32005, "deadline"),
    ] {
        let (found, said, message) = refusal(&world, &lines).await;
        assert_eq!((found, said.as_str()), (code, kind), "{lines}: {message}");
        assert!(message.len() <= 1024 && !message.contains('\u{1b}'));
    }
}

#[tokio::test]
async fn forged_forwarding_headers_change_nothing() {
    let world = World::start(2).await;
    let lines = "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\nForwarded: for=10.0.0.1\r\n\
                 x-rpc-hop: 0\r\nx-rpc-caller: admin\r\nx-rpc-deadline: 0\r\ninternal: true\r\nx-wherever-hops: 4\r\n\
                 x-wherever-slot: 16384\r\nx-wherever-epoch: 99\r\nx-wherever-path: A.b>C.d\r\n";
    for node in [0, 1] {
        let key = world.key_of(node);
        let reply = world.reply_with(0, lines, call("echo", &json!([key]))).await;
        assert_eq!(reply["result"], key.as_str(), "without a call id they are a stranger's words");
    }
}

#[tokio::test]
async fn a_call_id_in_use_is_refused_and_the_first_call_unharmed() {
    let world = World::start(1).await;
    let slot = Slot::of_text(b"k");
    let (lines, body) = (world.headers(slot, 1, 9), call("wait", &json!(["k"])));
    let twice = async {
        world.watch.started.notified().await;
        let second = world.reply_with(0, &lines, call("echo", &json!(["k"]))).await;
        assert_eq!(second["error"]["data"]["kind"], "invalid_request", "{second}");
        world.watch.release.notify_waiters();
    };
    let (first, ()) = tokio::join!(world.reply_with(0, &lines, body), twice);
    assert_eq!(first["result"], "k");
    world.unharmed("a doubled id", 1).await;
}
