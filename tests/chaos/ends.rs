//! How a node ends: in time, whatever its peers do, and at once when asked twice.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cluster::{Cluster, Records};

/// An end without calls in flight takes far less than the drain time of 30 s.
const SOON: Duration = Duration::from_secs(12);

#[tokio::test]
async fn idle_connections_and_half_headers_keep_no_node_from_ending() {
    let mut cluster = Cluster::start(Records::Memory, &[1]).await;
    let address = cluster.address(0).to_owned();
    let mut idle = TcpStream::connect(&address).await.expect("it listens");
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").await.expect("it reads");
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).await.expect("it answers");
    assert_eq!(&answer, b"HTTP/1.1 200");
    let mut half = TcpStream::connect(&address).await.expect("it listens");
    half.write_all(b"POST /rpc HTTP/1.1\r\nhost: 127").await.expect("it reads");
    let mut body = TcpStream::connect(&address).await.expect("it listens");
    let headers =
        "POST /rpc HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    body.write_all(headers.as_bytes()).await.expect("it reads");

    let began = Instant::now();
    let ended = cluster.terminate(0).await;
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    drop((idle, half, body));
}

#[tokio::test]
async fn a_second_signal_ends_a_node_that_still_hands_over() {
    let mut cluster = Cluster::start(Records::Memory, &[1, 1]).await;
    // Whoever should take the slots hangs: handing over takes its full time.
    cluster.signal(0, Signal::STOP);
    cluster.signal(1, Signal::TERM);
    // Nothing tells of the first signal before it has been heard; a second one that comes too early is heard as the first.
    let began = Instant::now();
    while cluster.node(1).is_running() {
        cluster.signal(1, Signal::TERM);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(began.elapsed() < SOON);
    }
    let ended = cluster.node(1).end().await;
    assert_eq!(ended.status, Some(1), "{ended:#?}");
    assert!(ended.stderr.contains("a second signal"), "{ended:#?}");
    cluster.signal(0, Signal::CONT);
}
