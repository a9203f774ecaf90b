//! Requests that two readers could take for different ones: refused, or one request and a close.

use std::sync::atomic::Ordering;

use crate::raw::{Served, roomy, statuses};

/// A second request hidden behind each first one. No reading of the first may get this far.
const HIDDEN: &str = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nhidden";

/// The statuses answered to a request with these headers and this body, followed by a hidden one; and the
/// bodies that handlers received.
async fn outcome(headers: &str, body: &str) -> (Vec<u16>, usize) {
    let served = Served::start(roomy()).await;
    let mut raw = served.connect().await;
    raw.send(format!("POST /echo HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{body}{HIDDEN}")).await;
    let received = raw.until_closed().await;
    served.serves().await;
    assert!(!received.contains("hidden"), "{headers:?} let a second request through: {received}");
    (statuses(&received), served.seen.bodies.load(Ordering::SeqCst))
}

const CHUNKS: &str = "3\r\nabc\r\n0\r\n\r\n";

async fn is_refused(headers: &str, body: &str) {
    assert_eq!(outcome(headers, body).await, (vec![400], 0), "{headers:?}");
}

#[tokio::test]
async fn a_length_beside_chunks_is_read_as_chunks_and_closes() {
    for headers in
        ["Content-Length: 3\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 3"]
    {
        assert_eq!(outcome(headers, CHUNKS).await, (vec![200], 1), "{headers:?}");
    }
}

#[tokio::test]
async fn lengths_that_differ_or_are_no_plain_number_are_refused() {
    for length in ["3\r\nContent-Length: 4", "+2", "-1", "0x3", "3, 3", "3 3", "", "99999999999999999999"] {
        is_refused(&format!("Content-Length: {length}"), "abc").await;
    }
}

#[tokio::test]
async fn codings_other_than_one_chunked_are_refused() {
    let doubtful = [
        "xchunked",
        "identity",
        "chunked, identity",
        "gzip, chunked",
        "chunked, chunked",
        "chunked\r\nTransfer-Encoding: chunked",
        "\"chunked\"",
        "",
    ];
    for coding in doubtful {
        is_refused(&format!("Transfer-Encoding: {coding}"), CHUNKS).await;
    }
}

#[tokio::test]
async fn header_lines_with_folds_stray_spaces_or_bare_returns_are_refused() {
    for line in ["a: b\r\n c", "Content-Length : 3", " Content-Length: 3", "a: b\rc", "a: b\0c", "a b", ": b"] {
        is_refused(&format!("{line}\r\nContent-Length: 3"), "abc").await;
    }
}

#[tokio::test]
async fn chunks_with_impossible_sizes_or_endless_extensions_are_refused() {
    let endless = format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(1 << 20));
    for chunks in [
        "FFFFFFFFFFFFFFFF1\r\nabc\r\n0\r\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        &endless,
    ] {
        is_refused("Transfer-Encoding: chunked", chunks).await;
    }
}

#[tokio::test]
async fn http_1_0_with_chunks_is_refused() {
    let served = Served::start(roomy()).await;
    let mut raw = served.connect().await;
    raw.send(format!("POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{CHUNKS}")).await;
    let received = raw.until_closed().await;
    assert!(received.contains(" 400 "), "{received}");
}

#[tokio::test]
async fn a_length_in_trailers_changes_nothing() {
    let served = Served::start(roomy()).await;
    let mut raw = served.connect().await;
    let chunked = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    raw.send(format!("{chunked}3\r\nabc\r\n0\r\nContent-Length: 500\r\n\r\n")).await;
    assert_eq!(raw.answer().await.body, "abc");
    raw.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(raw.answer().await.body, "hello");
}

#[tokio::test]
async fn bytes_behind_a_body_are_never_more_than_a_bad_request() {
    let served = Served::start(roomy()).await;
    let mut raw = served.connect().await;
    raw.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcdef\r\n\r\n").await;
    assert_eq!(statuses(&raw.until_closed().await), [200, 400]);
}
