//! The client side of a cluster, shared by all clients of one program or node.

use std::sync::Arc;

use super::acknowledge;
use super::counts::Counts;
use super::refresh;
use super::shared::Shared;
use super::{Client, ServiceClient, WhereverBuilder};
use crate::call::Caller;
use crate::call::id::Session;
use crate::cluster::view::CountsView;
use crate::error::RpcError;
use crate::node::NodeInfo;
use crate::provider::here::{Here, Settings};
use crate::route::group::Group;
use crate::route::groups::Groups;
use crate::service::{Balancing, MethodDescriptor, Routing};
use crate::transport::peers::Transport;

/// A cluster as one program sees it. Cloning is one reference count.
///
/// A node has one (`Node::wherever`); a program that only consumes gets one by
/// [`connect`](Self::connect).
#[derive(Clone)]
pub struct Wherever {
    pub(super) shared: Arc<Shared>,
    pub(super) caller: Arc<dyn Caller>,
}

impl Wherever {
    /// Connects to the cluster of these nodes, as a program that only consumes. Each address is `http://host:port` or
    /// `host:port`; a name may stand for several addresses. One node that answers is enough.
    ///
    /// # Errors
    /// [`Kind::BadArguments`](crate::Kind::BadArguments) for an address that is none, [`Kind::Unavailable`](crate::Kind::Unavailable) when no node answers, and
    /// [`Kind::Recovering`](crate::Kind::Recovering) when none has found its cluster after five seconds: use [`connect_lazily`](Self::connect_lazily) where
    /// the cluster may come up later.
    pub async fn connect<A: AsRef<str>>(addresses: impl IntoIterator<Item = A>) -> Result<Self, RpcError> {
        let wherever = Self::connect_lazily(addresses)?;
        refresh::first(&wherever.shared).await?;
        Ok(wherever)
    }

    /// As [`connect`](Self::connect), but reads the map at the first call.
    ///
    /// # Errors
    /// [`Kind::BadArguments`](crate::Kind::BadArguments) for an address that is none, or for no address at all.
    pub fn connect_lazily<A: AsRef<str>>(addresses: impl IntoIterator<Item = A>) -> Result<Self, RpcError> {
        WhereverBuilder::connecting(addresses)?.build()
    }

    /// Tells the nodes that keep answers for this program, in case it should ask again, that they have arrived. That is done anyway
    /// a second or two after the last call, and when the last client is dropped: wait for it in a program that makes a few calls and
    /// ends, and so has neither that second nor a runtime afterwards. Takes a round trip, and a second at most.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing but some nodes' room.
    pub async fn acknowledge(&self) {
        acknowledge::now(&self.shared).await;
    }

    /// A client of the type `C`.
    pub fn client<C: ServiceClient>(&self) -> C {
        C::from_client(Client::new(self))
    }

    /// The nodes of the group `group`, as far as known.
    pub fn nodes(&self, group: &str) -> Vec<NodeInfo> {
        self.shared
            .groups
            .all()
            .iter()
            .find(|known| known.name() == group)
            .map(|known| known.members())
            .unwrap_or_default()
    }

    /// What was counted since the start.
    #[inline]
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// The counts at this moment.
    pub fn counted(&self) -> CountsView {
        let open = self.shared.here.as_ref().map_or((0, 0), |here| (here.in_flight.count(), here.streams.count()));
        self.shared.counts.view(open)
    }

    /// The waist: routes encoded calls. A gateway and every client call it.
    pub fn caller(&self) -> &dyn Caller {
        &*self.caller
    }

    pub(crate) fn here(&self) -> Option<&Arc<Here>> {
        self.shared.here.as_ref()
    }

    pub(crate) fn groups(&self) -> &Groups {
        &self.shared.groups
    }

    /// The groups that were asked for so far.
    pub fn known_groups(&self) -> Vec<Arc<Group>> {
        self.shared.groups.all()
    }

    /// Says which cluster this is, if that is not known yet; gives the one that is known.
    pub fn set_cluster(&self, cluster: &str) -> String {
        self.shared.cluster.get_or_init(|| cluster.to_owned()).clone()
    }

    /// The cluster's id; none before the cluster was found.
    pub fn cluster(&self) -> Option<&str> {
        self.shared.cluster.get().map(String::as_str)
    }

    /// The way to other nodes.
    pub fn transport(&self) -> &dyn Transport {
        self.shared.peers.transport()
    }

    /// The group of this name.
    pub fn group(&self, name: &str) -> Arc<Group> {
        self.shared.groups.get(name)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// The numbering of this program's calls.
    pub fn session(&self) -> &Session {
        &self.shared.session
    }

    pub(crate) fn forces_remote(&self) -> bool {
        self.shared.force_remote
    }

    /// Whether a call of a method that any node can run stays here if it can.
    #[inline]
    pub(crate) fn prefers_here(&self, method: &MethodDescriptor) -> bool {
        matches!(method.routing, Routing::Any(Balancing::PreferHere))
    }
}

impl std::fmt::Debug for Wherever {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let node = self.shared.here.as_ref().map(|here| &here.id);
        f.debug_struct("Wherever").field("node", &node).field("seeds", &self.shared.seeds).finish_non_exhaustive()
    }
}
