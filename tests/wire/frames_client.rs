//! What a caller hears when a node, or what lies in between, does whatever it likes with a connection of frames: E1 to E13.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rpc_core::call::{Call, Caller, Outcome, Reply};
use rpc_core::codec::payload::Payload;
use rpc_core::limits::MAX_MESSAGE;
use rpc_core::node::{NodeId, NodeInfo};
use rpc_core::transport::frames::{
    ByeCode, Hello, Of, write_bye, write_go_away, write_part, write_ping, write_pong, write_reply,
};
use rpc_core::transport::http::HttpSettings;
use rpc_core::transport::multiplex::FramesTransport;
use rpc_core::transport::peers::Transport;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wherever::{Build, Executed, Kind, RpcError};

use super::framed::{ECHO, Framed, Heard, call, hello_frame, port};

/// Longest wait for a connection in these tests.
const CONNECT: Duration = Duration::from_millis(300);

/// A long wait for an answer.
const LONG: Duration = Duration::from_secs(300);

/// What has not come by then does not come at all: far beyond the deadlines that are waited for here, however busy the machine is.
const AT_ALL: Duration = Duration::from_secs(100);

type Answer = Result<Reply, RpcError>;

/// A caller of the node at this address.
fn caller(address: SocketAddr) -> Arc<dyn Caller> {
    let settings = HttpSettings { connect_timeout: CONNECT, ..HttpSettings::default() };
    let transport = FramesTransport::new(&settings, Arc::new(OnceLock::new()), Build::Unknown, || 0).unwrap();
    let address = address.to_string();
    transport.caller(&NodeInfo { id: NodeId::from(address.as_str()), address, weight: 1 })
}

fn begin(caller: &Arc<dyn Caller>, call: Call) -> JoinHandle<Answer> {
    let caller = caller.clone();
    tokio::spawn(async move { caller.call(call).await })
}

fn echo(wait: Duration) -> Call {
    call(&ECHO, r#"["k"]"#, wait)
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn said(answer: Result<Answer, tokio::task::JoinError>) -> String {
    match answer.unwrap().map(|reply| reply.outcome) {
        Ok(Outcome::Value(value)) => String::from_utf8(value.bytes().to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn failed(answer: Result<Answer, tokio::task::JoinError>) -> (Kind, Executed, String) {
    let error = answer.unwrap().expect_err("an error");
    (error.kind(), error.executed(), error.message().to_owned())
}

/// One HTTP request, and this answer to it.
async fn answer_http(listener: &TcpListener, answer: &str) -> (TcpStream, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let (mut head, mut chunk) = (String::new(), [0; 4096]);
    while !head.contains("\r\n\r\n") || (head.starts_with("POST") && !head.ends_with('}')) {
        let read = stream.read(&mut chunk).await.unwrap();
        assert!(read > 0, "{head}");
        head.push_str(std::str::from_utf8(&chunk[..read]).unwrap());
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    (stream, head)
}

#[tokio::test]
async fn where_frames_are_refused_calls_are_http_requests() {
    for refusal in
        ["400 Bad Request", "403 Forbidden", "404 Not Found", "426 Upgrade Required", "502 Bad Gateway", "200 OK"]
    {
        let (listener, address) = port().await;
        let caller = caller(address);
        let answer = begin(&caller, echo(LONG));
        answer_http(&listener, &format!("HTTP/1.1 {refusal}\r\ncontent-length: 0\r\n\r\n")).await;
        for answer in [answer, begin(&caller, echo(LONG))] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let mut read = 0;
            while !request[..read].ends_with(b"}") {
                read += stream.read(&mut request[read..]).await.unwrap();
            }
            let request = String::from_utf8(request[..read].to_vec()).unwrap();
            assert!(request.starts_with("POST /rpc "), "{refusal}: {request}");
            let body: serde_json::Value = serde_json::from_str(request.split("\r\n\r\n").nth(1).unwrap()).unwrap();
            let reply = json!({"jsonrpc": "2.0", "id": body["id"], "result": "k"}).to_string();
            let length = reply.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
            );
            stream.write_all((head + &reply).as_bytes()).await.unwrap();
            assert_eq!(said(answer.await), r#""k""#, "{refusal}");
        }
    }
}

#[tokio::test]
async fn nodes_of_other_frames_are_spoken_to_by_http() {
    let theirs = hello_frame(&Hello { version: 2, ..Hello::new(MAX_MESSAGE, 10) });
    for said in [theirs, written(|out| write_bye(out, ByeCode::Refused, "version 2 is spoken here"))] {
        let (listener, address) = port().await;
        let answer = begin(&caller(address), echo(LONG));
        let mut framed = Framed::accept(&listener).await;
        framed.send(said).await;
        let (_, request) = answer_http(&listener, "HTTP/1.1 401 x\r\ncontent-length: 0\r\n\r\n").await;
        assert!(request.starts_with("POST /rpc "), "{request}");
        assert_eq!(failed(answer.await).0, Kind::Unauthorised, "whatever that says");
    }
}

#[tokio::test]
async fn a_call_that_finds_no_connection_was_not_made() {
    let (listener, address) = port().await;
    drop(listener);
    let refused = begin(&caller(address), echo(LONG));
    assert!(matches!(failed(refused.await), (Kind::Unavailable, Executed::No, _)));
    for (what, said, kind) in [
        ("closed before its hello", Vec::new(), Kind::Unavailable),
        ("a bye", written(|out| write_bye(out, ByeCode::Silent, "too late")), Kind::Unavailable),
        ("no hello", written(|out| write_ping(out, [0; 8])), Kind::Protocol),
        ("no frame", b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(), Kind::Protocol),
        ("a node that takes no calls", hello_frame(&Hello::new(MAX_MESSAGE, 0)), Kind::Protocol),
    ] {
        let (listener, address) = port().await;
        let answer = begin(&caller(address), echo(LONG));
        let mut framed = Framed::accept(&listener).await;
        framed.send(said).await;
        assert!(matches!(framed.hear().await, Some(Heard::Hello(_))), "{what}");
        drop(framed);
        let (found, executed, message) = failed(answer.await);
        assert_eq!((found, executed), (kind, Executed::No), "{what}: {message}");
    }
    // A node that is not ready: wait, and come again.
    let (listener, address) = port().await;
    let answer = begin(&caller(address), echo(LONG));
    answer_http(&listener, "HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n").await;
    assert!(matches!(failed(answer.await), (Kind::Recovering, Executed::No, _)));
}

#[tokio::test]
async fn a_node_that_accepts_and_says_nothing_is_not_waited_for_beyond_the_connect_time() {
    let (listener, address) = port().await;
    let answer = begin(&caller(address), echo(LONG));
    let (mut stream, _) = listener.accept().await.unwrap();
    let answer = timeout(AT_ALL, answer).await.expect("the connect time ends long before the call's deadline");
    let (kind, executed, message) = failed(answer);
    assert_eq!((kind, executed), (Kind::Unavailable, Executed::No), "{message}");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    assert!(all.starts_with(b"GET /wherever/frames "), "and the connection is closed");
    // A deadline that comes sooner counts as well.
    let answer = begin(&caller(address), echo(Duration::from_millis(50)));
    assert!(matches!(failed(answer.await), (Kind::Deadline, Executed::No, _)));
}

#[tokio::test]
async fn a_lost_connection_says_whether_a_call_can_have_been_read() {
    let (listener, address) = port().await;
    let caller = caller(address);
    let small = begin(&caller, echo(LONG));
    let mut framed = Framed::accept_and_greet(&listener).await;
    framed.called().await;
    // Its end is never written, if the connection breaks at its first piece.
    let large = begin(&caller, call(&ECHO, &json!(["x".repeat(MAX_MESSAGE - 100)]).to_string(), LONG));
    assert!(matches!(framed.hear().await, Some(Heard::Part(_))));
    drop(framed);
    let (kind, executed, message) = failed(small.await);
    assert_eq!((kind, executed), (Kind::ConnectionLost, Executed::Maybe), "{message}");
    let (kind, executed, message) = failed(large.await);
    assert_eq!((kind, executed), (Kind::Unavailable, Executed::No), "{message}");
    // The next call makes a new connection.
    let answer = begin(&caller, echo(LONG));
    let mut framed = Framed::accept_and_greet(&listener).await;
    let request = framed.called().await;
    framed.reply(request, "1").await;
    assert_eq!(said(answer.await), "1");
}

#[tokio::test]
async fn answers_that_nobody_asked_for_end_the_connection_with_the_reason() {
    let reply = |request| written(|out| write_reply(out, request, false, &[], b"1"));
    let never = 1 << 40;
    let cases = [
        ("a reply to nothing", reply(never), ByeCode::Unexpected),
        ("a part of a reply to nothing", written(|out| write_part(out, never, Of::Answer, b"1")), ByeCode::Unexpected),
        ("a cancellation", vec![2, 0, 0, 0, 6, 1], ByeCode::Unexpected),
        ("an unknown kind", vec![1, 0, 0, 0, 0x2a], ByeCode::Malformed),
        ("a second hello", hello_frame(&Hello::new(MAX_MESSAGE, 10)), ByeCode::Unexpected),
        (
            "too much of a reply",
            written(|out| {
                (0..80).for_each(|_| write_part(out, 0, Of::Answer, &[b'1'; 60_000]));
            }),
            ByeCode::TooLarge,
        ),
    ];
    // At once, as each of them leaves the peer a second to read why.
    join_all(cases.map(async |(what, bytes, code)| {
        let (listener, address) = port().await;
        let answer = begin(&caller(address), echo(LONG));
        let mut framed = Framed::accept_and_greet(&listener).await;
        assert_eq!(framed.called().await, 0);
        framed.send(&bytes).await;
        let (said, reason) = framed.bye().await;
        assert_eq!(said, code, "{what}: {reason}");
        let (kind, executed, message) = failed(answer.await);
        assert_eq!((kind, executed), (Kind::ConnectionLost, Executed::Maybe), "{what}: {message}");
        assert!(message.contains(&reason), "{message}");
    }))
    .await;
}

#[tokio::test]
async fn answers_that_come_twice_or_too_late_reach_nobody() {
    let (listener, address) = port().await;
    let caller = caller(address);
    let first = begin(&caller, echo(LONG));
    let mut framed = Framed::accept_and_greet(&listener).await;
    let request = framed.called().await;
    framed.reply(request, "1").await;
    framed.reply(request, "2").await;
    assert_eq!(said(first.await), "1");
    // Taken back: its number is not used again, and parts of its answer are forgotten.
    let gone = begin(&caller, echo(LONG));
    let request = framed.called().await;
    framed.send(written(|out| write_part(out, request, Of::Answer, b"lost"))).await;
    gone.abort();
    assert_eq!(framed.hear().await, Some(Heard::Cancel(request)));
    framed.send(written(|out| write_part(out, request, Of::Answer, b"lost"))).await;
    framed.reply(request, "late").await;
    let next = begin(&caller, echo(LONG));
    let later = framed.called().await;
    assert_ne!(later, request);
    framed.reply(request, "later still").await;
    framed.reply(later, "3").await;
    assert_eq!(said(next.await), "3");
}

#[tokio::test]
async fn a_silent_or_chattering_peer_keeps_nobody_beyond_their_deadline_nor_from_other_peers() {
    let (listener, address) = port().await;
    let (other, other_address) = port().await;
    let (silent, lively) = (caller(address), caller(other_address));
    let waits = [15, 60, 200, 400].map(Duration::from_millis);
    let began = Instant::now();
    let answers: Vec<_> = waits.iter().map(|wait| begin(&silent, echo(*wait))).collect();
    let framed = Framed::accept_and_greet(&listener).await;
    let pongs = written(|out| (0..5000).for_each(|_| write_pong(out, [1; 8])));
    // From a thread of its own, so that there is always something to read.
    let mut stream = framed.stream.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    let chatter = std::thread::spawn(move || while stream.write_all(&pongs).is_ok() {});
    let node = tokio::spawn(async move {
        let mut framed = Framed::accept_and_greet(&other).await;
        loop {
            match framed.hear().await {
                Some(Heard::Call { request, .. }) => framed.reply(request, "1").await,
                _ => return,
            }
        }
    });
    for (wait, answer) in waits.into_iter().zip(answers) {
        let lively = timeout(AT_ALL, begin(&lively, echo(LONG))).await;
        assert_eq!(said(lively.expect("the other peer answers while this one chatters")), "1");
        let answer = timeout(AT_ALL, answer).await.expect("the deadline is kept while the peer chatters");
        let (kind, _, message) = failed(answer);
        assert_eq!(kind, Kind::Deadline, "{message}");
        assert!(began.elapsed() >= wait, "{:?} of {wait:?}", began.elapsed());
    }
    assert!(!chatter.is_finished(), "it chatters to the end");
    drop((lively, silent));
    node.await.unwrap();
    chatter.join().unwrap();
}

#[tokio::test]
async fn a_half_open_peer_is_noticed() {
    let (listener, address) = port().await;
    let answer = begin(&caller(address), echo(LONG));
    let mut framed = Framed::accept_and_greet(&listener).await;
    framed.called().await;
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let (kind, executed, message) = failed(answer.await);
    assert_eq!((kind, executed), (Kind::ConnectionLost, Executed::Maybe), "{message}");
    assert!(began.elapsed() <= Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(matches!(framed.hear().await, Some(Heard::Ping(_))), "it was asked");
}

#[tokio::test]
async fn calls_go_elsewhere_when_a_node_goes_away_and_those_under_way_are_finished() {
    let (listener, address) = port().await;
    let caller = caller(address);
    let first = begin(&caller, echo(LONG));
    let mut old = Framed::accept_with(&listener, &Hello::new(MAX_MESSAGE, 1)).await;
    let request = old.called().await;
    // Waits for its turn on the old connection.
    let second = begin(&caller, echo(LONG));
    tokio::task::yield_now().await;
    old.send(written(|out| write_go_away(out, "a rest"))).await;
    let mut new = Framed::accept_and_greet(&listener).await;
    let moved = new.called().await;
    new.reply(moved, "2").await;
    assert_eq!(said(second.await), "2");
    old.reply(request, "1").await;
    assert_eq!(said(first.await), "1");
    assert_eq!(old.hear().await, None, "the old one is closed behind its last answer");
}

#[tokio::test]
async fn a_dropped_caller_closes_its_connection() {
    let (listener, address) = port().await;
    let caller_of = caller;
    let caller = caller_of(address);
    let answer = begin(&caller, echo(LONG));
    let mut framed = Framed::accept_and_greet(&listener).await;
    let request = framed.called().await;
    framed.reply(request, "1").await;
    assert_eq!(said(answer.await), "1");
    drop(caller);
    assert_eq!(framed.hear().await, None);
    // Also if it is dropped while it dials.
    let caller = caller_of(address);
    let answer = begin(&caller, echo(LONG));
    let mut framed = Framed::accept(&listener).await;
    answer.abort();
    let _aborted = answer.await;
    drop(caller);
    framed.send(hello_frame(&Hello::new(MAX_MESSAGE, 10))).await;
    assert!(matches!(framed.hear().await, Some(Heard::Hello(_))));
    assert_eq!(framed.hear().await, None);
}

#[tokio::test]
async fn no_more_calls_are_under_way_than_the_node_takes() {
    let (listener, address) = port().await;
    let caller = caller(address);
    let answers: Vec<_> = (0..5).map(|_| begin(&caller, echo(LONG))).collect();
    let late = begin(&caller, echo(Duration::from_millis(100)));
    let mut framed = Framed::accept_with(&listener, &Hello::new(MAX_MESSAGE, 2)).await;
    let mut open = vec![framed.called().await, framed.called().await];
    let (kind, executed, message) = failed(late.await);
    assert_eq!((kind, executed), (Kind::Deadline, Executed::No), "{message}");
    framed.send(written(|out| write_ping(out, [9; 8]))).await;
    assert_eq!(framed.hear().await, Some(Heard::Pong([9; 8])), "no third call");
    for answered in 1..=answers.len() {
        framed.reply(open.remove(0), "1").await;
        if answered + open.len() < answers.len() {
            open.push(framed.called().await);
        }
    }
    for answer in answers {
        assert_eq!(said(answer.await), "1");
    }
}

#[tokio::test]
async fn a_node_that_does_not_read_fills_no_memory() {
    let (listener, address) = port().await;
    let caller = caller(address);
    let params = Payload::json(json!(["x".repeat(1 << 20)]).to_string());
    let first = begin(&caller, echo(LONG));
    let mut framed = Framed::accept_and_greet(&listener).await;
    let request = framed.called().await;
    framed.reply(request, "1").await;
    said(first.await);
    let large = || Call { params: params.clone(), ..echo(Duration::from_millis(700)) };
    let answers: Vec<_> = (0..40).map(|_| begin(&caller, large())).collect();
    let (mut unsent, mut has_waited) = (0, false);
    for answer in answers {
        let (kind, executed, message) = failed(answer.await);
        assert_eq!(kind, Kind::Deadline, "{message}");
        unsent += usize::from(executed == Executed::No);
        has_waited |= message.contains("the node does not read");
    }
    assert!(unsent >= 15 && has_waited, "only {unsent} of 40 MiB were not sent");
    // Whoever reads again is told what was taken back, and serves on.
    let answer = begin(&caller, echo(LONG));
    let request = loop {
        match framed.hear_whole().await {
            Some(Heard::Call { request, params, .. }) if params == r#"["k"]"# => break request,
            Some(Heard::Call { .. } | Heard::Cancel(_)) => {}
            other => panic!("{other:?}"),
        }
    };
    framed.reply(request, "2").await;
    assert_eq!(said(answer.await), "2");
}
