//! A listener on a free port and clients that send exactly the bytes a test says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper_util::rt::TokioIo;
use rpc_server::listener::{Drained, Limits, serve_with_shutdown};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A limit short enough to wait for.
pub(crate) const SHORT: Duration = Duration::from_millis(200);

/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Limits that no test reaches by accident.
pub(crate) fn roomy() -> Limits {
    let mut limits = Limits::default();
    limits.header_time = PATIENCE * 2;
    limits.idle_time = PATIENCE * 2;
    limits.body_time = PATIENCE * 2;
    limits.write_stall = PATIENCE * 2;
    limits.drain_time = PATIENCE * 2;
    limits.max_connections = 1000;
    limits
}

/// What the handlers of the served router share with the test.
#[derive(Default)]
pub(crate) struct Seen {
    /// Bodies that arrived whole.
    pub(crate) bodies: AtomicUsize,
    /// `/hold` has begun.
    pub(crate) held: Notify,
    /// Lets one `/hold` answer.
    pub(crate) release: Notify,
    /// `/hold` was dropped before it answered.
    pub(crate) dropped: Notify,
}

pub(crate) struct Served {
    pub(crate) addr: SocketAddr,
    pub(crate) seen: Arc<Seen>,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<std::io::Result<Drained>>,
}

impl Served {
    pub(crate) async fn start(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let seen = Arc::new(Seen::default());
        let router = router(seen.clone());
        let stopped = async move {
            let _ = stopped.await;
        };
        let task = tokio::spawn(serve_with_shutdown(listener, router, limits, stopped));
        Self { addr, seen, stop: Some(stop), task }
    }

    pub(crate) async fn connect(&self) -> Raw {
        Raw(TcpStream::connect(self.addr).await.unwrap())
    }

    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) async fn drained(self) -> Drained {
        timeout(PATIENCE, self.task).await.unwrap().unwrap().unwrap()
    }

    pub(crate) async fn serves(&self) {
        let mut canary = self.connect().await;
        canary.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert_eq!(canary.answer().await.body, "hello");
    }
}

struct Dropped(Arc<Seen>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.dropped.notify_one();
    }
}

async fn hold(State(seen): State<Arc<Seen>>) -> &'static str {
    let dropped = Dropped(seen.clone());
    seen.held.notify_one();
    seen.release.notified().await;
    std::mem::forget(dropped);
    "released"
}

async fn echo(State(seen): State<Arc<Seen>>, body: Bytes) -> Bytes {
    seen.bodies.fetch_add(1, Ordering::SeqCst);
    body
}

/// Speaks another protocol from here on: whatever comes is sent back.
async fn upgrade(mut request: axum::extract::Request) -> Response {
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded.await.unwrap()));
        let _ = tokio::io::copy(&mut read, &mut write).await;
    });
    let headers = [("connection", "upgrade"), ("upgrade", "echo")];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

fn router(seen: Arc<Seen>) -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/echo", post(echo))
        .route("/hold", get(hold))
        .route("/refuse", post(|| async { (StatusCode::PAYLOAD_TOO_LARGE, "too large") }))
        .route("/panic", get(|| async { panic!("a handler's mistake") as &'static str }))
        .route("/upgrade", get(upgrade))
        .route("/large", get(|| async { Body::from(vec![b'x'; 32 << 20]) }))
        .route("/peer", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }))
        .with_state(seen)
}

/// A client's socket.
pub(crate) struct Raw(pub(crate) TcpStream);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Raw {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // A server that refuses early may close before everything is sent.
        let _ = timeout(PATIENCE, self.0.write_all(bytes.as_ref())).await.expect("the server reads nothing");
    }

    /// Everything until the server closes, in good order or by a reset.
    pub(crate) async fn until_closed(&mut self) -> String {
        let mut all = Vec::new();
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut all)).await.expect("the server does not close");
        String::from_utf8_lossy(&all).into_owned()
    }

    /// One answer with a Content-Length; interim answers are passed over.
    pub(crate) async fn answer(&mut self) -> Answer {
        loop {
            let head = self.head().await;
            let status: u16 = head[9..12].parse().unwrap();
            if status == 100 {
                continue;
            }
            let length = head.to_ascii_lowercase();
            let length = length.split("content-length: ").nth(1).map_or("0", |rest| rest.lines().next().unwrap());
            let mut body = vec![0; length.parse().unwrap()];
            timeout(PATIENCE, self.0.read_exact(&mut body)).await.unwrap().unwrap();
            return Answer { status, body: String::from_utf8(body).unwrap() };
        }
    }

    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = timeout(PATIENCE, self.0.read_u8()).await.expect("no answer comes");
            head.push(byte.expect("closed instead of an answer"));
        }
        String::from_utf8(head).unwrap()
    }
}

/// The statuses of all answers in what a connection received.
pub(crate) fn statuses(received: &str) -> Vec<u16> {
    let starts = received.match_indices("HTTP/1.1 ");
    starts.map(|(at, start)| received[at + start.len()..][..3].parse().unwrap()).collect()
}
