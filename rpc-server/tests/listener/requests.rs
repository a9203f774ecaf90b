//! What a well-formed request may be, and what a connection does around it.

use std::fmt::Write;

use crate::raw::{Served, roomy, statuses};

async fn one(request: impl AsRef<[u8]>) -> String {
    let served = Served::start(roomy()).await;
    let mut raw = served.connect().await;
    raw.send(request).await;
    let received = raw.until_closed().await;
    served.serves().await;
    received
}

fn with_headers(count: usize) -> String {
    let mut request = String::from("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    for n in 2..count {
        write!(request, "h{n}: v\r\n").unwrap();
    }
    request + "\r\n"
}

#[tokio::test]
async fn as_many_headers_as_allowed_pass_and_one_more_is_431() {
    assert_eq!(statuses(&one(with_headers(64)).await), [200]);
    assert_eq!(statuses(&one(with_headers(65)).await), [431]);
}

#[tokio::test]
async fn a_header_of_64_kilobytes_or_a_megabyte_is_431() {
    for length in [64 << 10, 1 << 20] {
        let request = format!("GET / HTTP/1.1\r\nHost: x\r\nlong: {}\r\n\r\n", "v".repeat(length));
        assert_eq!(statuses(&one(request).await), [431]);
    }
}

#[tokio::test]
async fn a_path_over_its_limit_is_414() {
    for length in [9 << 10, 60 << 10] {
        let request = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "p".repeat(length));
        assert_eq!(statuses(&one(request).await), [414]);
    }
}

#[tokio::test]
async fn a_request_without_host_or_with_two_is_400() {
    assert_eq!(statuses(&one("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n").await), [400]);
    assert_eq!(statuses(&one("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n").await), [400]);
}

#[tokio::test]
async fn http_1_0_needs_no_host() {
    let received = one("GET / HTTP/1.0\r\n\r\n").await;
    assert!(received.starts_with("HTTP/1.0 200 ") && received.ends_with("hello"), "{received}");
}

#[tokio::test]
async fn the_http_2_preface_closes() {
    assert_eq!(one("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await, "");
}

#[tokio::test]
async fn a_hundred_pipelined_requests_are_answered_in_order() {
    let served = Served::start(roomy()).await;
    let mut raw = served.connect().await;
    let mut requests = String::new();
    for n in 0..100 {
        let body = n.to_string();
        write!(requests, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    }
    raw.send(requests).await;
    for n in 0..100 {
        assert_eq!(raw.answer().await.body, n.to_string());
    }
}

#[tokio::test]
async fn a_caller_that_waits_for_100_continue_gets_it() {
    let served = Served::start(roomy()).await;
    let mut raw = served.connect().await;
    let expecting = "HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length:";
    raw.send(format!("GET / {expecting} 0\r\n\r\n")).await;
    assert_eq!(raw.answer().await.body, "hello");
    raw.send(format!("POST /echo {expecting} 3\r\n\r\n")).await;
    raw.0.readable().await.unwrap();
    raw.send("abc").await;
    assert_eq!(raw.answer().await.body, "abc");
}

#[tokio::test]
async fn a_caller_in_the_middle_of_a_huge_body_still_reads_its_refusal() {
    let declared = "POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\n";
    let request = format!("{declared}{}", "b".repeat(4 << 20));
    let served = Served::start(roomy()).await;
    let mut raw = served.connect().await;
    raw.send(request).await;
    let received = raw.until_closed().await;
    assert!(received.starts_with("HTTP/1.1 413 ") && received.ends_with("too large"), "{received}");
}

#[tokio::test]
async fn every_request_knows_its_peer() {
    let served = Served::start(roomy()).await;
    let mut raw = served.connect().await;
    for _ in 0..2 {
        raw.send("GET /peer HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert_eq!(raw.answer().await.body, raw.0.local_addr().unwrap().to_string());
    }
}

#[tokio::test]
async fn a_panic_ends_its_own_connection_only() {
    let served = Served::start(roomy()).await;
    let mut bystander = served.connect().await;
    bystander.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(bystander.answer().await.status, 200);
    let mut raw = served.connect().await;
    raw.send("GET /panic HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(raw.until_closed().await, "");
    bystander.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(bystander.answer().await.body, "hello");
}

#[tokio::test]
async fn a_caller_that_hangs_up_ends_its_handler() {
    let served = Served::start(roomy()).await;
    let mut raw = served.connect().await;
    raw.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n").await;
    served.seen.held.notified().await;
    drop(raw);
    tokio::time::timeout(crate::raw::PATIENCE, served.seen.dropped.notified()).await.unwrap();
}
