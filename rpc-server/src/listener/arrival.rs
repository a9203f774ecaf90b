//! What this listener tells our own routes of a request: when and where it came in, and how to say that it is not whole yet.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::Instant;

use super::activity::Activity;

/// An extension of every request that came in by this listener; one that came by another server has none.
#[derive(Clone)]
pub(crate) struct Arrival {
    at: Instant,
    local: Option<SocketAddr>,
    activity: Arc<Activity>,
}

impl Arrival {
    pub(super) fn new(local: Option<SocketAddr>, activity: Arc<Activity>) -> Self {
        Self { at: Instant::now(), local, activity }
    }

    /// When the header was complete.
    pub(crate) fn at(&self) -> Instant {
        self.at
    }

    /// Whether it came to a loopback address of ours; `None` if the socket did not say.
    pub(crate) fn is_loopback(&self) -> Option<bool> {
        self.local.map(|local| local.ip().to_canonical().is_loopback())
    }

    /// Says that nothing but the body is awaited, until the guard is dropped: meanwhile the connection may be closed at
    /// shutdown or to make room, as nobody works for it.
    pub(crate) fn await_body(&self) -> AwaitedBody<'_> {
        self.activity.body_awaited();
        AwaitedBody(&self.activity)
    }
}

/// From [`Arrival::await_body`].
pub(crate) struct AwaitedBody<'a>(&'a Activity);

impl Drop for AwaitedBody<'_> {
    fn drop(&mut self) {
        self.0.body_ended();
    }
}
