//! Bodies that are no JSON, or no JSON-RPC: group A of the cases.

use super::raw::{post, post_with};
use super::row::{refused, turned_away};
use super::world::World;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"Probe.echo","params":["k"]}"#;

#[tokio::test]
async fn what_is_no_json_is_a_parse_error() {
    let utf16: Vec<u8> = CALL.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf32: Vec<u8> = CALL.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    let with = |before: &[u8], after: &[u8]| [before, CALL.as_bytes(), after].concat();
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    World::start(1)
        .await
        .refuses([
            refused("", -32700, "empty"),
            refused(" \r\n\t ", -32700, "empty"),
            refused(with(b"\xef\xbb\xbf", b""), -32700, "byte order mark"),
            refused(utf16, -32700, "not valid"),
            refused(utf32, -32700, "not valid"),
            refused(CALL.replace('k', "\0").as_bytes(), -32700, "control character"),
            refused(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"Probe.\xff\"}", -32700, "UTF-8"),
            refused(
                b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"Probe.echo\",\"params\":[\"\xc0\x80\"]}",
                -32700,
                "UTF-8",
            ),
            refused(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"Probe.echo\",\"\xff\":1}", -32700, "UTF-8"),
            refused(with(b"", b" x"), -32700, "trailing"),
            refused(with(b"", CALL.as_bytes()), -32700, "trailing"),
            refused(with(b"", format!("\n{CALL}\n").as_bytes()), -32700, "trailing"),
            refused(&CALL.as_bytes()[..CALL.len() - 1], -32700, "EOF"),
            refused(CALL.replace("\"id\"", "'id'"), -32700, "not valid JSON"),
            refused(CALL.replace("[\"k\"]", "[\"k\",]"), -32700, "not valid JSON"),
            refused(CALL.replace("\"id\":1", "\"id\":01"), -32700, "not valid JSON"),
            refused(CALL.replace("\"k\"", "NaN"), -32700, "not valid JSON"),
            refused(CALL.replace("\"id\":1", "\"id\":1,\"id\":2"), -32700, "two members named `id`"),
            refused(CALL.replace("\"id\":1", "\"id\":1,\"i\\u0064\":2"), -32700, "two members named `id`"),
            refused(CALL.replace("\"id\":1", "\"id\":1,\"method\":\"Probe.add\""), -32700, "`method`"),
            refused(CALL.replace("\"id\":1", "\"id\":1,\"x\":1,\"x\":1"), -32700, "`x`"),
            refused(CALL.replace("\"id\":1", &format!("\"id\":1,\"later\":{deep}")), -32700, "nested deeper"),
            refused(format!("[{CALL}"), -32700, "EOF"),
        ])
        .await;
}

#[tokio::test]
async fn json_that_is_no_request_is_invalid() {
    World::start(1)
        .await
        .refuses([
            refused("null", -32600, "object"),
            refused("0", -32600, "object"),
            refused("\"\"", -32600, "object"),
            refused("true", -32600, "object"),
            refused(r#"["2.0",1,"Probe.echo",["k"]]"#, -32600, "object"),
            refused("[]", -32600, "empty"),
            refused("[1]", -32600, "object"),
            refused("[[]]", -32600, "object"),
            refused("[{},{}]", -32600, "jsonrpc"),
            refused("{}", -32600, "jsonrpc"),
            refused(CALL.replace("2.0", "1.0"), -32600, "jsonrpc"),
            refused(CALL.replace("\"2.0\"", "2.0"), -32600, "jsonrpc"),
            refused(CALL.replace("\"method\"", "\"methods\""), -32600, "`method` is missing"),
            refused(CALL.replace("\"Probe.echo\"", "7"), -32600, "`method` must be a string"),
            refused(CALL.replace("Probe.echo", "\\ud800"), -32600, "`method` must be a string"),
            refused(CALL.replace("[\"k\"]", "\"k\""), -32600, "`params`"),
            refused(CALL.replace("[\"k\"]", "null"), -32600, "`params`"),
            refused(CALL.replace("\"id\":1", "\"id\":1.5"), -32600, "fraction"),
            refused(CALL.replace("\"id\":1", "\"id\":1e2"), -32600, "exponent"),
            refused(CALL.replace("\"id\":1", "\"id\":{}"), -32600, "`id` must be"),
            refused(CALL.replace("\"id\":1", "\"id\":[1]"), -32600, "`id` must be"),
            refused(CALL.replace("\"id\":1", "\"id\":true"), -32600, "`id` must be"),
        ])
        .await;
}

#[tokio::test]
async fn ids_come_back_byte_for_byte() {
    let world = World::start(2).await;
    let key = world.key_of(1);
    for id in
        ["0", "-7", "18446744073709551615", "12345678901234567890123", "\"\"", "\"a\\u0062\\/é🦀\"", "\"1\"", "null"]
    {
        let body = format!(r#"{{"id":{id},"jsonrpc":"2.0","params":["{key}"],"method":"Probe.echo"}}"#);
        let answer = world.send(post(body)).await.unwrap();
        assert_eq!(answer.body, format!(r#"{{"jsonrpc":"2.0","id":{id},"result":"{key}"}}"#));
        let unknown = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"Probe.none"}}"#);
        let answer = world.send(post(unknown)).await.unwrap();
        assert!(answer.body.starts_with(&format!(r#"{{"jsonrpc":"2.0","id":{id},"error":"#)), "{answer:?}");
    }
}

#[tokio::test]
async fn members_of_a_later_version_are_ignored() {
    let world = World::start(1).await;
    let body = CALL.replace("\"id\":1", r#""id":1,"later":{"a":[1e999,"\ud800"]},"meta":null"#);
    assert_eq!(world.reply(0, body).await["result"], "k");
}

#[tokio::test]
async fn a_notification_runs_and_gets_no_reply() {
    let world = World::start(2).await;
    for (ran, node) in [(1, 0), (2, 1)] {
        let body = format!(r#"{{"jsonrpc":"2.0","method":"Probe.echo","params":["{}"]}}"#, world.key_of(node));
        let answer = world.send(post(body)).await.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (204, ""));
        assert_eq!(world.ran(), ran);
    }
    for failing in
        [r#"{"jsonrpc":"2.0","method":"no.such"}"#, r#"{"jsonrpc":"2.0","method":"Probe.echo","params":[1]}"#]
    {
        assert_eq!(world.send(post(failing)).await.unwrap().status, 204, "{failing}");
    }
}

#[tokio::test]
async fn only_plain_json_over_post_is_read() {
    let world = World::start(1).await;
    let typed = |content_type: &str| post_with(&format!("Content-Type: {content_type}\r\n"), CALL);
    let with = |line: &str| post_with(&format!("Content-Type: application/json\r\n{line}\r\n"), CALL);
    let asked = |method: &str| format!("{method} /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    let mut rows = vec![
        turned_away("no content type", post_with("", CALL), 415, "application/json"),
        turned_away("a form", typed("application/x-www-form-urlencoded"), 415, "application/json"),
        turned_away("plain text", typed("text/plain"), 415, "application/json"),
        turned_away("UTF-16", typed("application/json; charset=utf-16"), 415, "UTF-8"),
        turned_away("two charsets", typed("application/json; charset=utf-8; charset=utf-7"), 415, "UTF-8"),
        turned_away("two content types", with("Content-Type: text/plain"), 415, "application/json"),
        turned_away("gzip", with("Content-Encoding: gzip"), 415, "compressed"),
        turned_away("two encodings", with("Content-Encoding: identity\r\nContent-Encoding: gzip"), 415, "compressed"),
    ];
    rows.extend(
        ["GET", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"].map(|method| turned_away(method, asked(method), 405, "")),
    );
    world.refuses(rows).await;
    assert_eq!(world.send(asked("GET")).await.unwrap().header("allow").as_deref(), Some("POST"));
    let ran = world.ran();
    let mut head = world.connect().await;
    head.send(CALL.replace('{', "HEAD /rpc HTTP/1.1\r\nHost: localhost\r\n\r\n{")).await;
    assert!(head.until_closed().await.starts_with("HTTP/1.1 405"));
    world.unharmed("HEAD", ran).await;
    for good in ["APPLICATION/JSON", "application/json; charset=utf-8", "application/json;charset=\"UTF-8\""] {
        assert_eq!(world.send(typed(good)).await.unwrap().json()["result"], "k", "{good}");
    }
}
