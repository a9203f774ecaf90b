//! One connection, from accept to close: hyper's HTTP/1 over our socket, obeying orders between polls.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::activity::Activity;
use super::entrance::Entrance;
use super::limits::Limits;
use super::table::Registration;
use super::timed_io::TimedIo;

/// hyper wants room for at least this much.
const LEAST_READ_BUFFER: usize = 8 * 1024;

type Http = http1::UpgradeableConnection<TokioIo<TimedIo>, Entrance>;

/// What every connection of a listener is made from.
pub(super) struct Host {
    http: http1::Builder,
    router: Router,
    limits: Arc<Limits>,
}

impl Host {
    pub(super) fn new(router: Router, limits: &Limits) -> Self {
        let mut http = http1::Builder::new();
        // The sweep keeps the time of headers: hyper would allocate a timer for each request, and its one
        // limit covers the rest between two requests too. A peer that ends its side is taken to be gone,
        // as everywhere (Go, nginx, axum): a handler of a route without a deadline would otherwise work for
        // nobody until its end. Calls do not mind, they run on in their own task.
        http.header_read_timeout(None)
            .half_close(false)
            .max_headers(limits.max_headers)
            .max_header_size(limits.max_header_bytes)
            .max_buf_size(limits.max_header_bytes.max(LEAST_READ_BUFFER));
        // Routes are built now instead of at each request.
        Self { http, router: router.with_state(()), limits: Arc::new(limits.clone()) }
    }

    /// Serves a connection in a task of its own, where a panic ends that connection and nothing else.
    pub(super) fn welcome(&self, stream: TcpStream, peer: SocketAddr, registration: Registration) {
        // Fails only if the peer is gone already, which the first read will say as well.
        let _ = stream.set_nodelay(true);
        let local = stream.local_addr().ok();
        let activity = registration.activity().clone();
        let entrance = Entrance::new(self.router.clone(), (peer, local), self.limits.clone(), activity.clone());
        let io = TokioIo::new(TimedIo::new(stream, registration));
        let http = self.http.serve_connection(io, entrance).with_upgrades();
        tokio::spawn(async move {
            let mut http = pin!(http);
            let mut told = false;
            let ended = poll_fn(|cx| poll_connection(http.as_mut(), &activity, &mut told, cx)).await;
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "connection ended");
            }
        });
    }
}

/// Polls hyper first and reads the orders after, so that a request which has just arrived is served even if
/// its connection was about to be closed as idle.
fn poll_connection(
    mut http: Pin<&mut Http>,
    activity: &Activity,
    told: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<hyper::Result<()>> {
    activity.listen(cx.waker());
    if activity.is_cut() {
        return Poll::Ready(Ok(()));
    }
    if let Poll::Ready(ended) = http.as_mut().poll(cx) {
        return Poll::Ready(ended);
    }
    if activity.should_leave() {
        return Poll::Ready(Ok(()));
    }
    if activity.is_draining() && !*told {
        // Once: the answer in the making is the connection's last.
        *told = true;
        http.graceful_shutdown();
    }
    Poll::Pending
}
