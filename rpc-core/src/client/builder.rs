//! Puts the client side of a program together.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Mutex;

use super::Wherever;
use super::counts::Counts;
use super::fanout::Fanout;
use super::lanes::Lanes;
use super::router::Router;
use super::shared::Shared;
use crate::build::Build;
use crate::call::Caller;
use crate::call::id::{Session, random};
use crate::cluster::view::is_dialable;
use crate::error::{Kind, RpcError};
use crate::limits::MAX_GROUPS;
use crate::provider::here::{Here, Settings};
use crate::route::balance::Balance;
use crate::route::group::Group;
use crate::route::groups::Groups;
use crate::transport::http::{HttpSettings, HttpTransport};
use crate::transport::multiplex::FramesTransport;
use crate::transport::peers::{Peers, Transport};

/// A layer around the caller of a program's clients: see [`WhereverBuilder::layer`].
pub type Layer = Box<dyn FnOnce(Arc<dyn Caller>) -> Arc<dyn Caller> + Send>;

/// Puts a [`Wherever`] together.
pub struct WhereverBuilder {
    here: Option<Arc<Here>>,
    groups: Arc<Groups>,
    settings: Settings,
    http: HttpSettings,
    frames: bool,
    transport: Option<Arc<dyn Transport>>,
    force_remote: bool,
    seeds: Vec<String>,
    cluster: Arc<OnceLock<String>>,
    layers: Vec<Layer>,
    random: fn() -> u64,
}

impl WhereverBuilder {
    /// The client side of the node `here`, in the cluster of this id, if it is known yet.
    pub fn inside(here: Arc<Here>, cluster: Option<String>) -> Self {
        let groups = here.groups.clone();
        let settings = here.settings.clone();
        let cluster = cluster.map_or_else(OnceLock::new, OnceLock::from);
        Self { here: Some(here), settings, ..Self::new(groups, cluster) }
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

    #[cfg(test)]
    pub(super) fn of_groups(groups: Groups) -> Self {
        Self::new(Arc::new(groups), OnceLock::new())
    }

    fn new(groups: Arc<Groups>, cluster: OnceLock<String>) -> Self {
        Self {
            here: None,
            groups,
            settings: Settings::default(),
            http: HttpSettings::default(),
            frames: true,
            transport: None,
            force_remote: false,
            seeds: Vec::new(),
            cluster: Arc::new(cluster),
            layers: Vec::new(),
            random,
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

    /// Whether calls go as frames over one connection to each node, as they do unless this says otherwise, or each as an HTTP request of its own.
    /// Where a node refuses frames, or something on the way does, calls are HTTP requests in any case.
    #[must_use]
    pub fn frames(mut self, frames: bool) -> Self {
        self.frames = frames;
        self
    }

    /// What is told of this program's build, if not that of its executable; for tests of programs of several builds.
    #[must_use]
    pub fn program_build(mut self, build: Build) -> Self {
        self.settings.build = build;
        self
    }

    /// Another transport than these, for tests of faults.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Other random numbers than the operating system's, for simulations.
    #[must_use]
    pub fn random(mut self, random: fn() -> u64) -> Self {
        self.random = random;
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
            None if self.frames => Arc::new(FramesTransport::new(
                &self.http,
                self.cluster.clone(),
                self.settings.build.clone(),
                self.random,
            )?),
            None => Arc::new(HttpTransport::new(&self.http, self.cluster.clone())?),
        };
        let session = Session::of((self.random)(), (self.random)());
        let noise = AtomicU64::new((self.random)());
        let shared = Arc::new(Shared {
            here: self.here,
            groups: self.groups,
            peers: Peers::new(transport),
            lanes: Lanes::default(),
            session,
            counts: Counts::default(),
            balance: Balance::default(),
            settings: self.settings,
            force_remote: self.force_remote,
            seeds: self.seeds,
            cluster: self.cluster,
            refreshed: Mutex::default(),
            noise,
            is_live: AtomicBool::new(false),
            acknowledges: AtomicBool::new(false),
        });
        let router: Arc<dyn Caller> = Arc::new(Router(shared.clone()));
        let all: Arc<dyn Caller> = Arc::new(Fanout::around(router, shared.clone()));
        let caller = self.layers.into_iter().fold(all, |caller, layer| layer(caller));
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
