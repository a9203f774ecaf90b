//! The accept loop: serves a router while holding every peer to its [`Limits`].
//!
//! Stock `axum::serve` never closes a connection that sent half a header. This one bounds the time of
//! headers, bodies, rests and writes, and the number of connections: when that is reached, the one that has
//! waited longest for a request gives way, so slow peers cannot shut others out. What passes is served by
//! hyper's HTTP/1.
//!
//! In the order a request travels: `accept` (the loop, [`Drained`]) → `backoff` (failed accepts) → `table`
//! (who is connected) or `refusal` (who is not) → `connection` (one task each) → `timed_io` (its socket) →
//! `activity` (what it is doing) → `entrance` (the last check) → `arrival` (what our routes learn) → `body`
//! (request and answer).

mod accept;
mod activity;
mod arrival;
mod backoff;
mod body;
mod connection;
mod entrance;
mod limits;
mod refusal;
mod table;
mod timed_io;

use std::io;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;

pub(crate) use arrival::Arrival;
pub use limits::{
    BODY_TIME, DRAIN_TIME, HEADER_TIME, IDLE_TIME, Limits, MAX_CONNECTIONS, MAX_HEADER_BYTES, MAX_HEADERS,
    MAX_URI_BYTES, WRITE_STALL,
};
pub(crate) use timed_io::TimedIo;

/// Rest after which the kernel asks a silent peer whether it is still there, and between its questions: a
/// peer whose machine vanished in the middle of a request is found within about two minutes.
const PROBE_AFTER: Duration = Duration::from_secs(60);
const PROBE_EVERY: Duration = Duration::from_secs(15);

/// How a shutdown went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections with a request in flight at the shutdown that ended by themselves.
    pub finished: usize,
    /// Connections that were cut when the drain time was over.
    pub cut: usize,
}

/// Serves `router` with the default [`Limits`], until the future is dropped.
///
/// Every request carries its peer's address as `axum::extract::ConnectInfo<SocketAddr>`.
///
/// # Errors
/// If the listener's socket cannot be set up. A failed accept is logged and never ends the loop.
///
/// # Cancel safety
/// Dropping the future stops accepting and cuts every connection, at once.
pub async fn serve(listener: TcpListener, router: Router) -> io::Result<()> {
    serve_with(listener, router, Limits::default()).await
}

/// Like [`serve`], with the given limits.
///
/// # Errors
/// As [`serve`].
pub async fn serve_with(listener: TcpListener, router: Router, limits: Limits) -> io::Result<()> {
    serve_with_shutdown(listener, router, limits, std::future::pending()).await.map(drop)
}

/// Like [`serve`], until `shutdown` is ready and the requests in flight have finished.
///
/// Then nothing more is accepted; connections without a request in flight are closed at once, half a header
/// or part of a call's body counting for nothing; the others end with the answer they are working on, or are cut after
/// [`Limits::drain_time`]. Connections upgraded to another protocol count as in flight: whoever serves them
/// ends them earlier.
///
/// # Errors
/// As [`serve`].
pub async fn serve_with_shutdown(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<Drained> {
    probe_silent_peers(&listener)?;
    Ok(accept::run(listener, router, limits, shutdown).await)
}

/// Sets keep-alive probes on the listening socket; the sockets it accepts inherit them.
fn probe_silent_peers(listener: &TcpListener) -> io::Result<()> {
    use rustix::net::sockopt;
    sockopt::set_socket_keepalive(listener, true)?;
    sockopt::set_tcp_keepidle(listener, PROBE_AFTER)?;
    sockopt::set_tcp_keepintvl(listener, PROBE_EVERY)?;
    Ok(())
}
