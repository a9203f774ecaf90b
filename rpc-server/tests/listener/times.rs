//! Peers that are slow or silent.

use std::sync::atomic::Ordering;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, interval, timeout};

use crate::raw::{PATIENCE, SHORT, Served, roomy};

#[tokio::test]
async fn a_half_sent_header_is_closed() {
    let mut limits = roomy();
    limits.header_time = SHORT;
    let served = Served::start(limits).await;
    let mut slow = served.connect().await;
    slow.send("GET / HTTP/1.1\r\nHos").await;
    let sent = Instant::now();
    assert_eq!(slow.until_closed().await, "");
    assert!(sent.elapsed() >= SHORT / 2);
    served.serves().await;
}

#[tokio::test]
async fn a_header_that_trickles_is_closed() {
    let mut limits = roomy();
    limits.header_time = SHORT;
    let served = Served::start(limits).await;
    let slow = served.connect().await;
    let (mut read, mut write) = slow.0.into_split();
    let trickle = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let mut every = interval(SHORT / 20);
        while write.write_all(b"G").await.is_ok() {
            every.tick().await;
        }
    });
    let _ = timeout(PATIENCE, read.read_to_end(&mut Vec::new())).await.expect("the server does not close");
    trickle.await.unwrap();
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let mut limits = roomy();
    limits.header_time = SHORT;
    let served = Served::start(limits).await;
    assert_eq!(served.connect().await.until_closed().await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_rest() {
    let mut limits = roomy();
    limits.idle_time = SHORT;
    let served = Served::start(limits).await;
    let mut idle = served.connect().await;
    idle.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(idle.answer().await.body, "hello");
    assert_eq!(idle.until_closed().await, "");
}

#[tokio::test]
async fn a_header_begun_after_a_rest_has_the_time_of_headers() {
    let mut limits = roomy();
    limits.header_time = SHORT;
    let served = Served::start(limits).await;
    let mut slow = served.connect().await;
    slow.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(slow.answer().await.body, "hello");
    slow.send("GET / HT").await;
    assert_eq!(slow.until_closed().await, "");
}

#[tokio::test]
async fn a_body_that_stops_is_refused_and_its_handler_not_called() {
    let mut limits = roomy();
    limits.body_time = SHORT;
    let served = Served::start(limits).await;
    let mut slow = served.connect().await;
    slow.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc").await;
    let answer = slow.until_closed().await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(served.seen.bodies.load(Ordering::SeqCst), 0);
    served.serves().await;
}

#[tokio::test]
async fn a_body_cut_short_is_refused_and_its_handler_not_called() {
    use tokio::io::AsyncWriteExt;
    let served = Served::start(roomy()).await;
    let mut short = served.connect().await;
    short.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc").await;
    short.0.shutdown().await.unwrap();
    let answer = short.until_closed().await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(served.seen.bodies.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_long_call_outlives_every_read_limit() {
    let mut limits = roomy();
    (limits.header_time, limits.idle_time, limits.body_time) = (SHORT / 4, SHORT / 4, SHORT / 4);
    let served = Served::start(limits).await;
    let mut caller = served.connect().await;
    caller.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n").await;
    served.seen.held.notified().await;
    // Another connection running over the same limit shows that the sweep has passed.
    served.connect().await.until_closed().await;
    served.seen.release.notify_one();
    assert_eq!(caller.answer().await.body, "released");
}

#[tokio::test]
async fn a_peer_that_reads_no_answer_is_cut() {
    let mut limits = roomy();
    limits.write_stall = SHORT;
    let mut served = Served::start(limits).await;
    let mut deaf = served.connect().await;
    deaf.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await;
    deaf.0.readable().await.unwrap();
    // Only the cut can end this connection: the drain would wait longer than the test.
    served.stop();
    timeout(PATIENCE, served.drained()).await.expect("the answer is still being written");
    assert!(deaf.until_closed().await.len() < 32 << 20);
}

#[tokio::test]
async fn a_slow_reader_that_makes_progress_gets_everything() {
    let mut limits = roomy();
    limits.write_stall = SHORT;
    let served = Served::start(limits).await;
    let mut slow = served.connect().await;
    slow.send("GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    let mut every = interval(SHORT / 40);
    let (mut chunk, mut total) = (vec![0; 256 << 10], 0);
    loop {
        let read = timeout(PATIENCE, slow.0.read(&mut chunk)).await.unwrap().unwrap();
        if read == 0 {
            break;
        }
        total += read;
        every.tick().await;
    }
    assert!(total > 32 << 20, "{total}");
}
