//! Calls as frames over one connection to each peer, which all callers share.
//!
//! A connection begins as an HTTP request to the node's port, and is upgraded; where that is refused, because a proxy in between or the node does
//! not know of it, calls go by plain HTTP. What is on the wire is in [`frames`](super::frames).

pub mod connection;
pub mod dial;
#[cfg(test)]
mod fixtures;
pub mod outbox;
mod peer;
pub mod turns;
pub mod waiters;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;

pub use self::peer::FramesPeer;
use super::http::{HttpSettings, HttpTransport};
use super::peers::{Reach, Transport};
use crate::build::Build;
use crate::call::Caller;
use crate::cluster::hand_over::{Answer, Question};
use crate::cluster::view::ClusterView;
use crate::error::RpcError;
use crate::node::NodeInfo;

/// Where a node takes the upgrade.
pub const PATH: &str = "/wherever/frames";

/// How connections of frames are made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Longest time for a connection, the upgrade and the hellos.
    pub connect_timeout: Duration,
    /// Largest message read, in bytes.
    pub max_message: usize,
    /// The build of this program.
    pub build: Build,
}

/// Frames to all peers, and plain HTTP for what is not a call, or where frames are refused.
pub struct FramesTransport {
    plain: HttpTransport,
    cluster: Arc<OnceLock<String>>,
    settings: Settings,
    random: fn() -> u64,
}

impl FramesTransport {
    /// A transport for the cluster of this id, which may become known later. `random` gives the noise that keeps callers from coming back all
    /// at once.
    ///
    /// # Errors
    /// [`Kind::Internal`](crate::Kind::Internal) when the operating system refuses what the HTTP client needs.
    pub fn new(
        http: &HttpSettings,
        cluster: Arc<OnceLock<String>>,
        build: Build,
        random: fn() -> u64,
    ) -> Result<Self, RpcError> {
        let plain = HttpTransport::new(http, cluster.clone())?;
        let settings = Settings { connect_timeout: http.connect_timeout, max_message: http.max_message, build };
        Ok(Self { plain, cluster, settings, random })
    }

    fn peer(&self, node: &NodeInfo) -> FramesPeer {
        let plain = self.plain.caller(node);
        FramesPeer::new(&node.address, self.cluster.clone(), self.settings.clone(), plain, self.random)
    }
}

impl Transport for FramesTransport {
    fn caller(&self, node: &NodeInfo) -> Arc<dyn Caller> {
        Arc::new(self.peer(node))
    }

    fn reach(&self, node: &NodeInfo) -> Reach {
        Reach::Frames(Box::new(self.peer(node)))
    }

    fn view<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<ClusterView, RpcError>> {
        self.plain.view(address)
    }

    fn ask<'a>(&'a self, address: &'a str, question: &'a Question) -> BoxFuture<'a, Result<Answer, RpcError>> {
        self.plain.ask(address, question)
    }
}
