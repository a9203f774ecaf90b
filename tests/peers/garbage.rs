//! Answers that are not the protocol: E6, C5, C6, B17, M10 by way of HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use wherever::{Executed, Kind};

use super::fake::{Asked, Deed, http};
use super::fakes::{Fakes, assert_is, timed};
use super::probe::Probe as _;

/// What the peer answers, what the caller hears, and how often the peer is asked by a plain and by a `read` method.
struct Row(&'static str, fn(&Asked) -> Deed, Kind, Executed, [usize; 2]);

const ONCE: [usize; 2] = [1, 1];
/// A call that may have run is tried again only where twice is harmless.
const READ_AGAIN: [usize; 2] = [1, 3];
/// A lost connection is no answer: a call that must not run twice is asked for once more, under the same id.
const LOST: [usize; 2] = [2, 3];
const AGAIN: [usize; 2] = [3, 3];

fn json_of(body: impl AsRef<[u8]>) -> Deed {
    Deed::Answer(http(200, "application/json", body))
}

async fn heard(rows: impl IntoIterator<Item = Row>) {
    let fakes = Fakes::start(1).await;
    for Row(what, script, kind, executed, asked) in rows {
        fakes[0].does(script);
        // A client of its own for each row, with a budget of its own.
        let client = fakes.client().await;
        for (method, asked) in ["write", "read"].into_iter().zip(asked) {
            let before = fakes[0].calls();
            let wait = Duration::from_secs(5);
            let error = match method {
                "write" => timed(wait, client.write("k")).await,
                _ => timed(wait, client.read("k")).await,
            };
            assert_is(what, &error, kind, executed);
            assert_eq!(fakes[0].calls() - before, asked, "{what}, {method}: {error}");
        }
        fakes[0].does(Asked::ok);
        assert_eq!(client.write("k").await, Ok(1), "after {what}");
    }
}

#[tokio::test]
async fn what_is_no_reply_is_a_protocol_error() {
    use Executed::Maybe;
    use Kind::Protocol;
    heard([
        Row("HTML 500", |_| Deed::Answer(http(500, "text/html", "<h1>no</h1>")), Protocol, Maybe, READ_AGAIN),
        Row("HTML 502", |_| Deed::Answer(http(502, "text/html", "<h1>no</h1>")), Protocol, Maybe, READ_AGAIN),
        Row("HTML 200", |_| Deed::Answer(http(200, "text/html", "<h1>yes</h1>")), Protocol, Maybe, READ_AGAIN),
        Row("nothing", |_| json_of(""), Protocol, Maybe, READ_AGAIN),
        Row("no content", |_| Deed::Answer(b"HTTP/1.1 204 x\r\n\r\n".into()), Protocol, Maybe, READ_AGAIN),
        Row("half a reply", |_| json_of(r#"{"jsonrpc":"2.0","id":1,"resu"#), Protocol, Maybe, READ_AGAIN),
        Row(
            "a short length",
            |_| Deed::AnswerAndClose(b"HTTP/1.1 200 x\r\ncontent-length: 9\r\n\r\n{\"jsonrpc\":\"2.0\"".into()),
            Protocol,
            Maybe,
            READ_AGAIN,
        ),
        Row("another's id", |_| json_of(r#"{"jsonrpc":"2.0","id":0,"result":1}"#), Protocol, Maybe, READ_AGAIN),
        Row(
            "a text id",
            |asked| json_of(format!(r#"{{"jsonrpc":"2.0","id":"{}","result":1}}"#, asked.body["id"])),
            Protocol,
            Maybe,
            READ_AGAIN,
        ),
        Row("no id", |_| json_of(r#"{"jsonrpc":"2.0","result":1}"#), Protocol, Maybe, READ_AGAIN),
        Row("a null id", |_| json_of(r#"{"jsonrpc":"2.0","id":null,"result":1}"#), Protocol, Maybe, READ_AGAIN),
        Row(
            "result and error",
            |asked| asked.reply(&json!({"result": 1, "error": {"code": 1, "message": ""}})),
            Protocol,
            Maybe,
            READ_AGAIN,
        ),
        Row("neither", |asked| asked.reply(&json!({})), Protocol, Maybe, READ_AGAIN),
        Row("a batch", |_| json_of("[]"), Protocol, Maybe, READ_AGAIN),
        Row(
            "invalid UTF-8",
            |_| json_of(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"\xff\"}"),
            Protocol,
            Maybe,
            READ_AGAIN,
        ),
        Row("deep", |_| json_of("[".repeat(100_000)), Protocol, Maybe, READ_AGAIN),
        Row(
            "deep, well-formed",
            |asked| {
                json_of(format!(
                    r#"{{"jsonrpc":"2.0","id":{},"result":{}{}}}"#,
                    asked.body["id"],
                    "[".repeat(5000),
                    "]".repeat(5000)
                ))
            },
            Protocol,
            Maybe,
            READ_AGAIN,
        ),
        Row(
            "an error without data",
            |asked| asked.reply(&json!({"error": {"code": -32000, "message": "busy"}})),
            Protocol,
            Maybe,
            READ_AGAIN,
        ),
        Row(
            "an error with odd data",
            |asked| asked.reply(&json!({"error": {"code": -32001, "message": "m", "data": [1]}})),
            Protocol,
            Maybe,
            READ_AGAIN,
        ),
        Row(
            "slot 16384",
            |asked| {
                asked.error(-32001, &json!({"kind": "moved", "executed": "no", "slot": 16384, "epoch": 9, "node": "x"}))
            },
            Protocol,
            Maybe,
            READ_AGAIN,
        ),
        Row(
            "slot -1",
            |asked| {
                asked.error(-32001, &json!({"kind": "moved", "executed": "no", "slot": -1, "epoch": 9, "node": "x"}))
            },
            Protocol,
            Maybe,
            READ_AGAIN,
        ),
        Row(
            "slot 2^32-1",
            |asked| {
                asked.error(
                    -32001,
                    &json!({"kind": "moved", "executed": "no", "slot": u32::MAX, "epoch": 9, "node": "x"}),
                )
            },
            Protocol,
            Maybe,
            READ_AGAIN,
        ),
    ])
    .await;
}

#[tokio::test]
async fn replies_that_end_early_or_never_are_lost_or_too_large() {
    use Executed::Maybe;
    heard([
        Row(
            "a long length",
            |_| Deed::AnswerAndClose(b"HTTP/1.1 200 x\r\ncontent-length: 99\r\n\r\n{}".into()),
            Kind::ConnectionLost,
            Maybe,
            LOST,
        ),
        Row(
            "a cut chunk",
            |_| Deed::AnswerAndClose(b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{}".into()),
            Kind::ConnectionLost,
            Maybe,
            LOST,
        ),
        Row(
            "a gigabyte, declared",
            |_| Deed::Flood(b"HTTP/1.1 200 x\r\ncontent-length: 1073741824\r\n\r\n".into(), vec![b' '; 1 << 16]),
            Kind::TooLarge,
            Maybe,
            ONCE,
        ),
        Row(
            "a gigabyte, in chunks",
            |_| {
                Deed::Flood(
                    b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n".into(),
                    [b"10000\r\n", vec![b' '; 1 << 16].as_slice(), b"\r\n"].concat(),
                )
            },
            Kind::TooLarge,
            Maybe,
            ONCE,
        ),
        Row(
            "endless headers",
            |_| Deed::Flood(b"HTTP/1.1 200 x\r\n".into(), b"x: 1\r\n".repeat(1000)),
            Kind::ConnectionLost,
            Maybe,
            LOST,
        ),
        Row("no HTTP", |_| Deed::AnswerAndClose(b"SSH-2.0-OpenSSH_9.9\r\n".into()), Kind::ConnectionLost, Maybe, LOST),
    ])
    .await;
}

#[tokio::test]
async fn refusals_are_told_apart() {
    use Executed::{Maybe, No, Yes};
    heard([
        Row("413", |_| Deed::Answer(http(413, "text/html", "no")), Kind::TooLarge, No, ONCE),
        Row("403", |_| Deed::Answer(http(403, "text/html", "no")), Kind::Unauthorised, No, ONCE),
        Row("503", |_| Deed::Answer(http(503, "text/html", "no")), Kind::Overloaded, No, AGAIN),
        Row(
            "overloaded",
            |asked| asked.error(-32004, &json!({"kind": "overloaded", "executed": "no", "retry_after_ms": 1})),
            Kind::Overloaded,
            No,
            AGAIN,
        ),
        Row(
            "shutting down",
            |asked| asked.error(-32007, &json!({"kind": "shutting_down", "executed": "no"})),
            Kind::ShuttingDown,
            No,
            AGAIN,
        ),
        Row(
            "panicked",
            |asked| asked.error(-32603, &json!({"kind": "panicked", "executed": "maybe"})),
            Kind::Panicked,
            Maybe,
            ONCE,
        ),
        Row(
            "a kind to come",
            |asked| asked.error(-32099, &json!({"kind": "novel", "executed": "no", "extra": {}})),
            Kind::Internal,
            No,
            ONCE,
        ),
        Row("another type", |asked| asked.reply(&json!({"result": "text"})), Kind::Decode, Yes, ONCE),
        Row(
            "another error type",
            |asked| asked.reply(&json!({"error": {"code": 1, "message": "m", "data": 7}})),
            Kind::Decode,
            Yes,
            ONCE,
        ),
    ])
    .await;
}

#[tokio::test]
async fn members_of_a_later_version_are_ignored() {
    let fakes = Fakes::start(1).await;
    fakes[0].does(|asked| asked.reply(&json!({"result": 7, "later": {"a": [1]}, "meta": null})));
    assert_eq!(fakes.client().await.write("k").await, Ok(7));
}

#[tokio::test]
async fn http_redirects_are_never_followed() {
    let fakes = Fakes::start(1).await;
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, caught) = (trap.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counting = caught.clone();
    let watching = tokio::spawn(async move {
        while trap.accept().await.is_ok() {
            counting.fetch_add(1, Ordering::SeqCst);
        }
    });
    for status in [301, 302, 303, 307, 308] {
        fakes[0].does(move |_| {
            let head = format!("HTTP/1.1 {status} x\r\nlocation: http://{address}/rpc\r\ncontent-length: 0\r\n\r\n");
            Deed::Answer(head.into_bytes())
        });
        let error = timed(Duration::from_secs(5), fakes.client().await.write("k")).await;
        assert_is("a redirect", &error, Kind::Protocol, Executed::Maybe);
    }
    assert_eq!(caught.load(Ordering::SeqCst), 0);
    watching.abort();
}
