//! How a node serves and ends.

use std::future::Future;
use std::io;
use std::sync::OnceLock;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::cluster::{Ended, Status};
use crate::http;
use crate::listener::{self, Drained};
use crate::node::{Node, NodeBuilder};

impl Node {
    /// `/rpc` and `/wherever/*`, without a fallback, to be merged into a program's own router. Serve that with
    /// [`listener::serve`]: under plain `axum::serve` the limits on connections, headers and bodies do not hold.
    pub fn router(&self) -> Router {
        http::router(self.clone())
    }

    /// Serves this node alone, with `/healthz` and `/readyz`, until the future is dropped.
    ///
    /// # Errors
    /// When the listener cannot be set up.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        self.serve_with_shutdown(listener, std::future::pending()).await.map(drop)
    }

    /// Serves this node alone until `shutdown` is ready; then ends it as [`end`](Self::end) describes.
    ///
    /// # Errors
    /// When the listener cannot be set up.
    pub async fn serve_with_shutdown(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Drained> {
        let router = http::router_alone(self.clone());
        self.serve_router(listener, router, shutdown).await
    }

    /// Serves a program's own router, into which [`router`](Self::router) was merged, until `shutdown` is ready; then refuses
    /// calls that have not started, waits for the running ones up to the drain time of the limits, and ends.
    ///
    /// # Errors
    /// When the listener cannot be set up.
    pub async fn serve_router(
        self,
        listener: TcpListener,
        router: Router,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Drained> {
        let membership = self.start();
        // One drain time for both waits: that for connections, and that for calls whose connection is lost.
        let left_at = OnceLock::new();
        let leaving = async {
            tokio::select! {
                () = shutdown => self.hand_over().await,
                () = self.stopped() => {}
            }
            self.leave();
            left_at.get_or_init(Instant::now);
        };
        let drained = listener::serve_with_shutdown(listener, router, self.limits().clone(), leaving).await?;
        self.end_by(*left_at.get_or_init(Instant::now) + self.limits().drain_time).await;
        let status = self.status();
        membership.end().await;
        match status {
            Status::Stopped(why) => Err(io::Error::other(Ended(why))),
            _ => Ok(drained),
        }
    }

    /// Makes the node a member of its live cluster, in tasks of its own; a node of a fixed cluster is one anyway. The `serve` methods
    /// do it themselves: call it with [`router`](Self::router), under [`listener::serve`] or a server of your own.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(&self) -> Membership {
        let task = self.live().map(|live| {
            live.note_start();
            tokio::spawn(live.clone().run())
        });
        Membership { node: self.clone(), task }
    }

    /// Moves the node's slots to the others, as far as there is time. Until it [leaves](Self::leave), it answers with where they are.
    pub async fn hand_over(&self) {
        if let Some(live) = self.live() {
            live.hand_over().await;
        }
    }

    /// Waits until the node cannot be a member of its live cluster any more, for the reason that [`status`](Self::status) then tells.
    pub async fn stopped(&self) {
        match self.live() {
            Some(live) => _ = live.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Leaves, and waits for the calls in flight from the network, also those whose connection is lost, up to the drain time.
    ///
    /// # Cancel safety
    /// The node has left as soon as this is polled; dropping it ends only the waiting.
    pub async fn end(&self) {
        self.leave();
        self.end_by(Instant::now() + self.limits().drain_time).await;
    }

    async fn end_by(&self, deadline: Instant) {
        let drained = timeout_at(deadline, self.here().in_flight.wait_until_empty()).await;
        if drained.is_err() {
            tracing::warn!(calls = self.here().in_flight.count(), "the drain time is over, calls are abandoned");
        }
    }
}

/// A node's membership in a live cluster. Dropping it ends the membership at once, as a crash would; see [`end`](Self::end).
#[must_use = "dropping the membership ends it"]
pub struct Membership {
    node: Node,
    task: Option<JoinHandle<()>>,
}

impl Membership {
    /// Leaves the cluster: nothing of the node's own may run any more. Whoever takes its place need not wait for its authority to
    /// end.
    pub async fn end(mut self) {
        if let (Some(live), Some(task)) = (self.node.live(), self.task.take()) {
            if !matches!(live.status(), Status::Stopped(_)) {
                live.leave().await;
            }
            let _ended = task.await;
        }
        if let Some(embedded) = self.node.embedded() {
            embedded.close().await;
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl NodeBuilder {
    /// Builds the node and serves it alone on `listener`, whose address it advertises unless told otherwise, until the future is
    /// dropped.
    ///
    /// # Errors
    /// A [`StartError`](crate::StartError) as the source, or the listener's own.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        self.serve_with_shutdown(listener, std::future::pending()).await.map(drop)
    }

    /// As [`serve`](Self::serve), until `shutdown` is ready.
    ///
    /// # Errors
    /// A [`StartError`](crate::StartError) as the source, or the listener's own.
    pub async fn serve_with_shutdown(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Drained> {
        let address = listener.local_addr()?;
        let node = self.advertise_unless_told(address).build().map_err(io::Error::other)?;
        node.serve_with_shutdown(listener, shutdown).await
    }
}
