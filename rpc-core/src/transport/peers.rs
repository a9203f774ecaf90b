//! The peers that this program talks to, each with its connection and its retry budget.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::TryFutureExt;
use futures_util::future::BoxFuture;

use crate::call::{Call, Caller, Reply};
use crate::cluster::hand_over::{Answer, Question};
use crate::cluster::view::ClusterView;
use crate::error::{Kind, RpcError};
use crate::node::{NodeId, NodeInfo};
use crate::transport::budget::Budget;

/// A way to reach nodes.
pub trait Transport: Send + Sync + 'static {
    /// A caller that sends to the node at `address`; nothing is dialed yet.
    fn caller(&self, node: &NodeInfo) -> Arc<dyn Caller>;

    /// Reads the cluster's map from the node at `address`.
    fn view<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<ClusterView, RpcError>>;

    /// Asks the node at `address`, the source of a move. The same question may be asked again.
    fn ask<'a>(&'a self, address: &'a str, question: &'a Question) -> BoxFuture<'a, Result<Answer, RpcError>> {
        let _ = question;
        let message = format!("this transport moves no slots from {address}");
        Box::pin(std::future::ready(Err(RpcError::new(Kind::Unavailable, message))))
    }
}

/// One peer.
pub struct Peer {
    /// Who it is, and where.
    pub node: NodeInfo,
    /// The retries that it may be asked for.
    pub budget: Budget,
    caller: Arc<dyn Caller>,
}

impl Peer {
    /// Sends `call` to this peer.
    ///
    /// # Errors
    /// What the peer or the way to it answered; it names the peer if it names no node.
    pub fn call(&self, call: Call) -> impl Future<Output = Result<Reply, RpcError>> + Send + '_ {
        self.caller.call(call).map_err(|error| error.at_node(&self.node.id))
    }
}

/// All peers. There are at most as many as members of the cluster.
pub struct Peers {
    transport: Arc<dyn Transport>,
    // Held for a look-up or an insert; never across an await. Ordered: comparing a few names costs less than hashing one.
    by_id: RwLock<BTreeMap<NodeId, Arc<Peer>>>,
}

impl Peers {
    /// Peers reached by `transport`.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, by_id: RwLock::default() }
    }

    /// The way to reach them.
    pub fn transport(&self) -> &dyn Transport {
        &*self.transport
    }

    /// The peer `node`; made anew when its address has changed.
    pub fn get(&self, node: &NodeInfo) -> Arc<Peer> {
        let is_same = |peer: &&Arc<Peer>| peer.node.address == node.address;
        if let Some(peer) = self.by_id.read().unwrap_or_else(PoisonError::into_inner).get(&node.id).filter(is_same) {
            return peer.clone();
        }
        let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = by_id.get(&node.id).filter(is_same) {
            return peer.clone();
        }
        let peer = Arc::new(Peer { node: node.clone(), budget: Budget::new(), caller: self.transport.caller(node) });
        by_id.insert(node.id.clone(), peer.clone());
        peer
    }
}
