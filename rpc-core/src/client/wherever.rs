//! The client side of a cluster, shared by all clients of one program or node.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::counts::Counts;
use super::refresh::{self, Refresh};
use super::router::Router;
use super::{Client, ServiceClient};
use crate::call::Caller;
use crate::call::id::Session;
use crate::cluster::NodeInfo;
use crate::cluster::view::{CountsView, is_dialable};
use crate::error::{Kind, RpcError};
use crate::provider::here::{Here, Settings};
use crate::provider::inject::Values;
use crate::provider::{Inject, InjectError, Injector};
use crate::route::balance::Balance;
use crate::route::group::{Group, Groups};
use crate::service::{Balancing, MethodDescriptor, Routing};
use crate::transport::http::{HttpSettings, HttpTransport};
use crate::transport::peers::{Peers, Transport};

/// Most groups that a program which is no node learns of: a bound on what a hostile view can make it keep.
const MAX_GROUPS: usize = 256;

/// A cluster as one program sees it. Cloning is one reference count.
///
/// A node has one ([`Node::wherever`](https://docs.rs/wherever)); a program that only consumes gets one by
/// [`connect`](Self::connect).
#[derive(Clone)]
pub struct Wherever {
    shared: Arc<Shared>,
    caller: Arc<dyn Caller>,
}

/// Everything the clients of one program share.
pub struct Shared {
    pub(crate) here: Option<Arc<Here>>,
    pub(crate) groups: Arc<Groups>,
    pub(crate) peers: Peers,
    pub(crate) session: Session,
    pub(crate) counts: Counts,
    pub(crate) balance: Balance,
    pub(crate) settings: Settings,
    pub(crate) force_remote: bool,
    pub(crate) seeds: Vec<String>,
    pub(crate) cluster: Arc<OnceLock<String>>,
    pub(crate) refresh: Refresh,
    noise: AtomicU64,
}

/// A layer around the caller of a program's clients: see [`WhereverBuilder::layer`].
pub type Layer = Box<dyn FnOnce(Arc<dyn Caller>) -> Arc<dyn Caller> + Send>;

/// Puts a [`Wherever`] together.
pub struct WhereverBuilder {
    here: Option<Arc<Here>>,
    groups: Arc<Groups>,
    settings: Settings,
    http: HttpSettings,
    transport: Option<Arc<dyn Transport>>,
    force_remote: bool,
    seeds: Vec<String>,
    cluster: Arc<OnceLock<String>>,
    layers: Vec<Layer>,
}

impl Wherever {
    /// Connects to the cluster of these nodes, as a program that only consumes. Each address is `http://host:port` or
    /// `host:port`; a name may stand for several addresses. One node that answers is enough.
    ///
    /// # Errors
    /// [`Kind::BadArguments`] for an address that is none, [`Kind::Unavailable`] when no node answers: use
    /// [`connect_lazily`](Self::connect_lazily) where the cluster may come up later.
    pub async fn connect<A: AsRef<str>>(addresses: impl IntoIterator<Item = A>) -> Result<Self, RpcError> {
        let wherever = Self::connect_lazily(addresses)?;
        refresh::fetch(&wherever.shared).await?;
        Ok(wherever)
    }

    /// As [`connect`](Self::connect), but reads the map at the first call.
    ///
    /// # Errors
    /// [`Kind::BadArguments`] for an address that is none, or for no address at all.
    pub fn connect_lazily<A: AsRef<str>>(addresses: impl IntoIterator<Item = A>) -> Result<Self, RpcError> {
        WhereverBuilder::connecting(addresses)?.build()
    }

    /// A client of the type `C`.
    pub fn client<C: ServiceClient>(&self) -> C {
        C::from_client(Client::new(self))
    }

    /// Builds a struct of the program's whose fields are all clients, or this.
    ///
    /// # Errors
    /// [`InjectError`] naming the fields of other types: values are given to a node's builder only.
    pub fn inject<T: Inject>(&self) -> Result<T, InjectError> {
        T::inject(&Injector::new(self, &Values::default()))
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
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// The counts at this moment.
    pub fn counted(&self) -> CountsView {
        self.shared.counts.view(self.shared.here.as_ref().map_or(0, |here| here.in_flight.count()))
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
    pub(crate) fn prefers_here(&self, method: &MethodDescriptor) -> bool {
        matches!(method.routing, Routing::Any(Balancing::PreferHere) | Routing::Here | Routing::Key)
    }
}

impl std::fmt::Debug for Wherever {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let node = self.shared.here.as_ref().map(|here| &here.id);
        f.debug_struct("Wherever").field("node", &node).field("seeds", &self.shared.seeds).finish_non_exhaustive()
    }
}

impl Shared {
    /// A random fraction from 0 to 1, good enough to part callers who failed together.
    pub(crate) fn jitter(&self) -> f64 {
        // Weyl sequence through a mixing step (splitmix64); seeded by the session's random number.
        let seed = self.noise.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl WhereverBuilder {
    /// The client side of the node `here`, in the cluster of this id.
    pub fn inside(here: Arc<Here>, cluster: String) -> Self {
        let groups = here.groups.clone();
        let settings = here.settings.clone();
        Self { here: Some(here), settings, ..Self::new(groups, OnceLock::from(cluster)) }
    }

    /// The client side of a program that is no node.
    ///
    /// # Errors
    /// As [`Wherever::connect_lazily`].
    pub fn connecting<A: AsRef<str>>(addresses: impl IntoIterator<Item = A>) -> Result<Self, RpcError> {
        let seeds: Vec<String> =
            addresses.into_iter().map(|address| plain_address(address.as_ref())).collect::<Result<_, _>>()?;
        if seeds.is_empty() {
            return Err(RpcError::new(
                Kind::BadArguments,
                "give at least one address of the cluster, such as http://127.0.0.1:7001",
            ));
        }
        Ok(Self { seeds, ..Self::new(Arc::new(Groups::new(MAX_GROUPS, Group::new)), OnceLock::new()) })
    }

    fn new(groups: Arc<Groups>, cluster: OnceLock<String>) -> Self {
        Self {
            here: None,
            groups,
            settings: Settings::default(),
            http: HttpSettings::default(),
            transport: None,
            force_remote: false,
            seeds: Vec::new(),
            cluster: Arc::new(cluster),
            layers: Vec::new(),
        }
    }

    /// Deadline of calls that get none otherwise.
    #[must_use]
    pub fn default_deadline(mut self, wait: Duration) -> Self {
        self.settings.default_deadline = wait;
        self
    }

    /// How connections are made and kept.
    #[must_use]
    pub fn http(mut self, settings: HttpSettings) -> Self {
        self.http = settings;
        self
    }

    /// Another transport than HTTP, for tests of faults.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Sends every call over the network, also those that could stay here; for tests.
    #[must_use]
    pub fn force_remote(mut self, force: bool) -> Self {
        self.force_remote = force;
        self
    }

    /// Wraps the caller of all clients; the last layer added is the outermost. Calls that stay in this process do not pass it.
    #[must_use]
    pub fn layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// Puts it together.
    ///
    /// # Errors
    /// [`Kind::Internal`] when the HTTP client cannot be set up.
    pub fn build(self) -> Result<Wherever, RpcError> {
        let transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(HttpTransport::new(&self.http, self.cluster.clone())?),
        };
        let session = Session::new();
        let noise = AtomicU64::new(session.next().session);
        let shared = Arc::new(Shared {
            here: self.here,
            groups: self.groups,
            peers: Peers::new(transport),
            session,
            counts: Counts::default(),
            balance: Balance::default(),
            settings: self.settings,
            force_remote: self.force_remote,
            seeds: self.seeds,
            cluster: self.cluster,
            refresh: Refresh::default(),
            noise,
        });
        let router: Arc<dyn Caller> = Arc::new(Router(shared.clone()));
        let caller = self.layers.into_iter().fold(router, |caller, layer| layer(caller));
        Ok(Wherever { shared, caller })
    }
}

/// `http://host:port/` or `host:port` as `host:port`.
fn plain_address(text: &str) -> Result<String, RpcError> {
    let plain = text.strip_prefix("http://").unwrap_or(text);
    let plain = plain.strip_suffix('/').unwrap_or(plain);
    if is_dialable(plain) {
        return Ok(plain.to_owned());
    }
    Err(RpcError::new(
        Kind::BadArguments,
        format!("{text:?} is no node address: write http://host:port, such as http://127.0.0.1:7001"),
    ))
}
