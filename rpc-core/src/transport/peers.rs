//! The peers that this program talks to, each with its connection and its retry budget.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::Waker;

use futures_util::future::BoxFuture;

use crate::call::{Call, CallId, Caller, Reply, Target};
use crate::cluster::hand_over::{Answer, Question};
use crate::cluster::view::ClusterView;
use crate::error::{Kind, RpcError};
use crate::node::{NodeId, NodeInfo};
use crate::service::MethodDescriptor;
use crate::transport::budget::Budget;
use crate::transport::multiplex::FramesPeer;
use crate::transport::multiplex::connection::Waiting;

/// A way to reach nodes.
pub trait Transport: Send + Sync + 'static {
    /// A caller that sends to the node at `address`; nothing is dialed yet.
    fn caller(&self, node: &NodeInfo) -> Arc<dyn Caller>;

    /// The same, and whether calls can be begun in place.
    fn reach(&self, node: &NodeInfo) -> Reach {
        Reach::Other(self.caller(node))
    }

    /// Reads the cluster's map from the node at `address`.
    fn view<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<ClusterView, RpcError>>;

    /// Asks the node at `address`, the source of a move. The same question may be asked again.
    fn ask<'a>(&'a self, address: &'a str, question: &'a Question) -> BoxFuture<'a, Result<Answer, RpcError>> {
        let _ = question;
        let message = format!("this transport moves no slots from {address}");
        Box::pin(std::future::ready(Err(RpcError::new(Kind::Unavailable, message))))
    }
}

/// How one peer is reached.
pub enum Reach {
    /// By frames, as far as it takes them.
    Frames(Box<FramesPeer>),
    /// In another way.
    Other(Arc<dyn Caller>),
}

/// One peer.
pub struct Peer {
    /// Who it is, and where.
    pub node: NodeInfo,
    /// The retries that it may be asked for.
    pub budget: Budget,
    /// Which answers it does not know yet to have arrived.
    pub owed: Owed,
    reach: Reach,
}

impl Peer {
    /// Sends `call` to this peer.
    ///
    /// # Errors
    /// What the peer or the way to it answered; it names the peer if it names no node.
    pub async fn call(&self, call: Call) -> Result<Reply, RpcError> {
        self.caller().call(call).await.map_err(|error| error.at_node(&self.node.id))
    }

    /// Sends `call` to this peer, if nothing has to be waited for but the reply, at which `waker` is woken; see [`FramesPeer::begin`]. Errors name
    /// no node.
    #[inline]
    pub fn begin(&self, call: &Call, waker: &Waker) -> Option<Result<Waiting, RpcError>> {
        match &self.reach {
            Reach::Frames(peer) => peer.begin(call, waker),
            Reach::Other(_) => None,
        }
    }

    /// Whether a call may come in the compact codec, as far as is known.
    pub fn takes_compact(&self, method: &MethodDescriptor, target: &Target) -> bool {
        self.caller().takes_compact(method, target)
    }

    fn caller(&self) -> &dyn Caller {
        match &self.reach {
            Reach::Frames(peer) => &**peer,
            Reach::Other(caller) => &**caller,
        }
    }
}

/// What one peer keeps for this program: it records calls until it is told that their answers have arrived, which each later such
/// call does on its way.
#[derive(Debug, Default)]
pub struct Owed {
    /// The highest sequence of the calls that it records.
    sent: AtomicU64,
    /// It was told that every answer up to here has arrived.
    told: AtomicU64,
    /// Something was sent since the last look.
    is_fresh: AtomicBool,
}

impl Owed {
    /// Takes note of a call that the peer records.
    pub fn sent(&self, id: CallId) {
        self.told(id.acked);
        self.sent.fetch_max(id.sequence, Ordering::AcqRel);
        self.is_fresh.store(true, Ordering::Release);
    }

    /// Takes note of what the peer was told.
    pub fn told(&self, acked: u64) {
        self.told.fetch_max(acked, Ordering::AcqRel);
    }

    /// Whether the peer keeps something that it need not keep if all answers up to `acked` have arrived.
    pub fn is_due(&self, acked: u64) -> bool {
        self.is_owed() && acked >= self.sent.load(Ordering::Acquire)
    }

    /// Whether the peer keeps something at all, as far as it was told.
    pub fn is_owed(&self) -> bool {
        self.sent.load(Ordering::Acquire) > self.told.load(Ordering::Acquire)
    }

    /// Whether nothing was sent since the last time that this was asked.
    pub fn is_quiet(&self) -> bool {
        !self.is_fresh.swap(false, Ordering::AcqRel)
    }
}

/// All peers. There are at most as many as members of the cluster.
pub struct Peers {
    transport: Arc<dyn Transport>,
    // Held for a look-up or an insert; never across an await. Ordered: comparing a few names costs less than hashing one.
    by_id: RwLock<BTreeMap<NodeId, Arc<Peer>>>,
    // How often one of them was made anew.
    edition: AtomicU64,
}

impl Peers {
    /// Peers reached by `transport`.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, by_id: RwLock::default(), edition: AtomicU64::new(0) }
    }

    /// The way to reach them.
    pub fn transport(&self) -> &dyn Transport {
        &*self.transport
    }

    /// The peers that keep something of this program's calls, as far as they were told.
    pub fn owed(&self) -> Vec<Arc<Peer>> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        by_id.values().filter(|peer| peer.owed.is_owed()).cloned().collect()
    }

    /// Which edition of them this is. Whoever keeps a peer asks first, and keeps it as long as this stays the same.
    #[inline]
    pub fn edition(&self) -> u64 {
        self.edition.load(Ordering::Acquire)
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
        let (budget, owed) = (Budget::new(), Owed::default());
        let peer = Arc::new(Peer { node: node.clone(), budget, owed, reach: self.transport.reach(node) });
        if by_id.insert(node.id.clone(), peer.clone()).is_some() {
            self.edition.fetch_add(1, Ordering::Release);
        }
        peer
    }
}
