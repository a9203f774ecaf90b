//! The end of a listener: what leaves at once, what finishes, what is cut.

use rpc_server::listener::Drained;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::raw::{PATIENCE, SHORT, Served, roomy};

#[tokio::test]
async fn idle_and_half_sent_connections_end_at_once_and_calls_finish() {
    let mut served = Served::start(roomy()).await;
    let seen = served.seen.clone();
    let mut idle = served.connect().await;
    idle.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    idle.answer().await;
    let mut half = served.connect().await;
    half.send("GET / HTTP/1.1\r\nHos").await;
    let mut busy = served.connect().await;
    busy.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n").await;
    timeout(PATIENCE, seen.held.notified()).await.unwrap();
    served.stop();
    assert_eq!(idle.until_closed().await, "");
    assert_eq!(half.until_closed().await, "");
    assert!(TcpStream::connect(served.addr).await.is_err());
    seen.release.notify_one();
    let answer = busy.until_closed().await;
    assert!(answer.ends_with("released") && answer.contains("connection: close"), "{answer}");
    assert_eq!(served.drained().await, Drained { finished: 1, cut: 0 });
}

#[tokio::test]
async fn a_call_longer_than_the_drain_is_cut() {
    let mut limits = roomy();
    limits.drain_time = SHORT;
    let mut served = Served::start(limits).await;
    let mut busy = served.connect().await;
    busy.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n").await;
    timeout(PATIENCE, served.seen.held.notified()).await.unwrap();
    served.stop();
    assert_eq!(served.drained().await, Drained { finished: 0, cut: 1 });
    assert_eq!(busy.until_closed().await, "");
}

#[tokio::test]
async fn a_listener_without_connections_ends_at_once() {
    let mut served = Served::start(roomy()).await;
    served.stop();
    assert_eq!(served.drained().await, Drained { finished: 0, cut: 0 });
}
