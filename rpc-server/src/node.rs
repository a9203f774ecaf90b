//! A node: what it is made of, and what it gives to the program around it.

mod builder;
mod membership;
mod problem;
mod providers;
mod states;
mod view;

use std::sync::Arc;

use rpc_core::client::counts::Counts;
use rpc_core::client::{ServiceClient, Wherever};
use rpc_core::coordinator::embedded::Embedded;
use rpc_core::inject::{Inject, InjectError, Injector, Values};
use rpc_core::limits::CLIENT_IDLE;
use rpc_core::provider::Here;
use rpc_core::{NodeId, RpcError};

pub use builder::NodeBuilder;
pub use problem::{Problem, StartError};

use crate::catalogue::Catalogue;
use crate::cluster::{Live, Status};
use crate::listener::{self, Limits};
use crate::memory::Memory;

const _: () = assert!(
    CLIENT_IDLE.as_secs() < listener::IDLE_TIME.as_secs(),
    "the dialing side must give up an idle connection first"
);

/// A member of a cluster: provides services to it and calls the others'. Cloning is one reference count.
///
/// A node does nothing by itself: it answers where its [`router`](Self::router) is served, and it is gone when that ends.
#[derive(Clone)]
pub struct Node(Arc<Parts>);

struct Parts {
    here: Arc<Here>,
    wherever: Wherever,
    catalogue: Catalogue,
    values: Values,
    live: Option<Arc<Live>>,
    embedded: Option<Arc<Embedded>>,
    address: String,
    limits: Limits,
    doorman: Doorman,
    body_memory: Arc<Memory>,
}

/// Whom the node answers besides programs.
#[derive(Debug, Default)]
struct Doorman {
    origins: Vec<String>,
    hosts: Vec<String>,
    is_loopback: bool,
}

impl Node {
    /// Starts on a node.
    pub fn builder() -> NodeBuilder {
        NodeBuilder::new()
    }

    /// The node's name in the cluster.
    pub fn id(&self) -> &NodeId {
        &self.here().id
    }

    /// The `host:port` at which the other nodes reach it.
    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// The cluster's id: nodes of different ids refuse each other. Empty before the node has found its cluster.
    pub fn cluster_id(&self) -> &str {
        self.wherever().cluster().unwrap_or_default()
    }

    /// How the node stands in a live cluster; in a fixed one it is always a member.
    pub fn status(&self) -> Status {
        self.live().map_or(Status::Member, |live| live.status())
    }

    /// Whether the node has begun to look for its cluster; one of a fixed cluster need not.
    ///
    /// # Errors
    /// [`Kind::NoAuthority`](rpc_core::Kind::NoAuthority), not executed: nobody has called [`start`](Self::start). Says so in the log too,
    /// once.
    pub(crate) fn check_started(&self) -> Result<(), RpcError> {
        self.live().map_or(Ok(()), |live| live.check_started())
    }

    /// The cluster as this node's own clients see it.
    pub fn wherever(&self) -> &Wherever {
        &self.0.wherever
    }

    /// A client of the type `C`; calls that this node can serve stay plain method calls.
    pub fn client<C: ServiceClient>(&self) -> C {
        self.wherever().client()
    }

    /// Builds a struct of the program's from this node: clients for its marked fields, given values for the others.
    ///
    /// # Errors
    /// [`InjectError`] naming each field for which no value was given to the builder.
    pub fn inject<T: Inject>(&self) -> Result<T, InjectError> {
        T::inject(&Injector::new(self.wherever(), &self.0.values))
    }

    /// From now on refuses calls that have not started; `/wherever/ready` says so.
    pub fn leave(&self) {
        self.here().leave();
    }

    /// Whether the node is on its way out.
    pub fn is_leaving(&self) -> bool {
        self.here().is_leaving()
    }

    /// The connection limits that the node was built with.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The node's part in a live cluster.
    pub(crate) fn live(&self) -> Option<&Arc<Live>> {
        self.0.live.as_ref()
    }

    /// The coordinator that this node holds for others.
    pub(crate) fn embedded(&self) -> Option<&Arc<Embedded>> {
        self.0.embedded.as_ref()
    }

    pub(crate) fn here(&self) -> &Arc<Here> {
        &self.0.here
    }

    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.0.catalogue
    }

    pub(crate) fn counts(&self) -> &Counts {
        self.wherever().counts()
    }

    pub(crate) fn max_message(&self) -> usize {
        self.here().settings.max_message
    }

    pub(crate) fn body_memory(&self) -> &Arc<Memory> {
        &self.0.body_memory
    }

    pub(crate) fn allowed_origins(&self) -> &[String] {
        &self.0.doorman.origins
    }

    pub(crate) fn allowed_hosts(&self) -> &[String] {
        &self.0.doorman.hosts
    }

    pub(crate) fn is_loopback(&self) -> bool {
        self.0.doorman.is_loopback
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("id", self.id()).field("cluster", &self.cluster_id()).finish_non_exhaustive()
    }
}
