//! Names of services and methods that there are not: B1 to B3, A18, M12, M16.

use serde_json::json;

use super::row::{Row, refused};
use super::world::World;

fn called(name: &str, says: &'static str) -> Row {
    refused(json!({"jsonrpc": "2.0", "id": 1, "method": name, "params": ["k"]}).to_string(), -32601, says)
}

#[tokio::test]
async fn an_unknown_name_is_refused_before_its_arguments_are_read() {
    World::start(2)
        .await
        .refuses([
            called("Nobody.echo", "there is no service"),
            called("echo", "there is no service"),
            called("", "there is no service"),
            called("Probe", "has no method"),
            called("Probe.", "has no method"),
            called("Probe.ech", "has no method \"ech\"; it has: echo, add"),
            called("Probe.alone", "has no method"),
            called("Other.echo", "has no method"),
            called("probe.echo", "there is no service"),
            called("wherever.nothing", "there is no service"),
            refused(r#"{"jsonrpc":"2.0","id":1,"method":"Probe.none","params":{"no":"\ud800"}}"#, -32601, "none"),
        ])
        .await;
}

#[tokio::test]
async fn a_hostile_name_comes_back_short_and_escaped() {
    let long = "a".repeat(64 << 10);
    let dotted = format!("Probe.{}", "é\n".repeat(500_000));
    World::start(1)
        .await
        .refuses([
            called("Probe.echo\0", "echo\\0"),
            called("Probe.echo\r\nINFO forged", "\\r\\n"),
            called("\u{1b}[2J\u{1b}[31mProbe.echo", "\\u{1b}"),
            called("Probe.\u{2028}\u{202e}echo", "\\u{"),
            called("../../etc/passwd", "there is no service"),
            called("${jndi:ldap://127.0.0.1/x}", "there is no service"),
            called("%s%n{}{:?}", "there is no service"),
            called("Рrobe.echo", "there is no service"),
            called("Probe.\u{65}\u{301}cho", "has no method"),
            called(&long, "aaaa"),
            called(&dotted, "has no method"),
        ])
        .await;
}
