//! Puts a node together, and reports everything that is wrong with it at once.

use std::any::TypeId;
use std::net::{IpAddr, SocketAddr};
use std::panic::Location;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rpc_core::NodeId;
use rpc_core::build::Build;
use rpc_core::client::{Layer, WhereverBuilder};
use rpc_core::client::{ServiceClient, Wherever};
use rpc_core::clock::Clock;
use rpc_core::cluster::authority::Timing;
use rpc_core::cluster::controller::Pace;
use rpc_core::cluster::fixed::{FixedNodes, IntoNode};
use rpc_core::coordinator::Coordinator;
use rpc_core::inject::Values;
use rpc_core::limits;
use rpc_core::limits::MAX_GROUPS;
use rpc_core::provider::authority::Authority;
use rpc_core::provider::dedup::RESTART_DOUBT;
use rpc_core::provider::here::Settings;
use rpc_core::provider::{Here, Registry, Service};
use rpc_core::route::group::Group;
use rpc_core::route::groups::Groups;
use rpc_core::state::SlotState;
use rpc_core::state::registry::Registered;
use rpc_core::transport::http::HttpSettings;
use rpc_core::transport::peers::Transport;

use super::membership::{self, Coordinated, Coordination, Place};
use super::problem::{Problem, StartError};
use super::providers::Providers;
use super::{Doorman, Node, Parts, states};
use crate::catalogue::{Catalogue, Doubled};
use crate::cluster::{Live, Planted};
use crate::listener::Limits;
use crate::memory::Memory;

/// Collects what a node is to be. Nothing is checked before [`build`](Self::build).
#[must_use = "a builder does nothing before `build` or `serve`"]
pub struct NodeBuilder {
    nodes: Vec<(String, u32)>,
    coordination: Coordination,
    place: Place,
    address: Option<String>,
    values: Values,
    providers: Providers,
    states: Vec<Registered>,
    settings: Settings,
    http: HttpSettings,
    transport: Option<Arc<dyn Transport>>,
    limits: Limits,
    max_body_memory: usize,
    frames: bool,
    force_remote: bool,
    layers: Vec<Layer>,
    origins: Vec<String>,
    hosts: Vec<String>,
}

impl NodeBuilder {
    pub(super) fn new() -> Self {
        Self {
            nodes: Vec::new(),
            coordination: Coordination::Fixed,
            place: Place::default(),
            address: None,
            values: Values::default(),
            providers: Providers::default(),
            states: Vec::new(),
            settings: Settings::default(),
            http: HttpSettings::default(),
            transport: None,
            limits: Limits::default(),
            max_body_memory: limits::MAX_BODY_MEMORY,
            frames: true,
            force_remote: false,
            layers: Vec::new(),
            origins: Vec::new(),
            hosts: Vec::new(),
        }
    }

    /// The cluster: all its nodes, this one among them, as `host:port` or `(host:port, weight)`. Every node must be given the
    /// same list; the order does not matter. Without a list the node is alone and owns every slot.
    pub fn nodes<N: IntoNode>(mut self, nodes: impl IntoIterator<Item = N>) -> Self {
        self.nodes = nodes.into_iter().map(IntoNode::into_node).collect();
        self
    }

    /// Founds a live cluster, and holds its coordinator in memory: when this node ends, the cluster does. For one machine and for
    /// tests; in production see [`coordinator`](Self::coordinator). [`build`](Self::build) then needs a tokio runtime around it.
    pub fn seed(mut self) -> Self {
        self.coordination = Coordination::Seed(None);
        self
    }

    /// As [`seed`](Self::seed), with the coordinator's records in this folder: the cluster goes on when this node is back. While it
    /// is away, authority ends after some seconds, and no call is executed.
    pub fn seed_at(mut self, folder: impl Into<PathBuf>) -> Self {
        self.coordination = Coordination::Seed(Some(folder.into()));
        self
    }

    /// Joins the live cluster whose seed answers at one of these addresses: `http://host:port` or `host:port`.
    pub fn join<A: ToString>(mut self, seeds: impl IntoIterator<Item = A>) -> Self {
        self.coordination = Coordination::Join(seeds.into_iter().map(|seed| seed.to_string()).collect());
        self
    }

    /// Joins the live cluster of this coordinator, or founds it: etcd, for example.
    pub fn coordinator(mut self, coordinator: Arc<dyn Coordinator>) -> Self {
        self.coordination = Coordination::Given(coordinator);
        self
    }

    /// The node's share of the slots in a live cluster, relative to the others; 1 if not set, and 0 holds none.
    pub fn weight(mut self, weight: u32) -> Self {
        self.place.weight = weight;
        self
    }

    /// Where the node stands: nodes of one zone fail together.
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.place.zone = Some(zone.into());
        self
    }

    /// How long leases and authority last in a live cluster; the same on every node. 5 s and 4 s if not set.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.place.timing = timing;
        self
    }

    /// How fast slots are moved when nodes come and go.
    pub fn pace(mut self, pace: Pace) -> Self {
        self.place.pace = pace;
        self
    }

    /// Longest wait for this node's slots to be moved away when it leaves; 30 s if not set.
    pub fn hand_over_time(mut self, time: Duration) -> Self {
        self.place.hand_over_time = time;
        self
    }

    /// Another clock and other random numbers than the machine's, for simulations.
    pub fn clock(mut self, clock: Arc<dyn Clock>, random: fn() -> u64) -> Self {
        (self.place.clock, self.place.random) = (clock, random);
        self
    }

    /// Plants a mistake that a simulation is to find.
    #[doc(hidden)]
    pub fn plant(mut self, mistake: Planted) -> Self {
        self.place.planted = Some(mistake);
        self
    }

    /// Another transport than HTTP, for simulations and tests of faults.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// The `host:port` at which the other nodes reach this one, where it is not the address it listens at.
    pub fn advertise(mut self, address: impl ToString) -> Self {
        self.address = Some(address.to_string());
        self
    }

    /// A value for the unmarked fields of this type in the structs that the node builds.
    pub fn with<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.values.insert(value);
        self
    }

    /// A provider: a value of a type marked `#[rpc_provider]`, for every service it is marked for, or anything else as
    /// `YourServiceClient::provider(value)`. It goes before a linked one.
    pub fn provide<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.providers.give(move |_| value);
        self
    }

    /// A provider made when the node is built, from clients of the same cluster: `|wherever| Shop { stock: wherever.client() }`.
    /// Otherwise as [`provide`](Self::provide).
    pub fn provide_with<T: Send + Sync + 'static>(
        mut self,
        make: impl FnOnce(&Wherever) -> T + Send + 'static,
    ) -> Self {
        self.providers.give(make);
        self
    }

    /// State of a provider's own that is to move with the slots of `group`, under this name, the same on every node. The maps that
    /// we supply register themselves.
    #[track_caller]
    pub fn state(mut self, name: impl Into<String>, group: impl Into<String>, state: Arc<dyn SlotState>) -> Self {
        let owner = format!("the program at {}", Location::caller());
        self.states.push(Registered { group: group.into(), name: name.into(), owner, state });
        self
    }

    /// Leaves out the linked provider `P`.
    pub fn without<P: 'static>(mut self) -> Self {
        self.providers.exclude(TypeId::of::<P>());
        self
    }

    /// Leaves out every linked provider: the node provides what it was given.
    pub fn only_given(mut self) -> Self {
        self.providers.only_given();
        self
    }

    /// Refuses to start without a provider of the service of the client `C`. It also keeps the linker from dropping a crate
    /// that nothing else refers to.
    pub fn expect<C: ServiceClient>(mut self) -> Self {
        self.providers.expect(C::Service::descriptor().name);
        self
    }

    /// Deadline of calls that get none otherwise; 10 s if not set.
    pub fn default_deadline(mut self, wait: Duration) -> Self {
        self.settings.default_deadline = wait;
        self
    }

    /// Longest life of a stream, from its beginning; a day if not set. One that lives longer ends with [`Kind::Deadline`](rpc_core::Kind::Deadline).
    pub fn stream_life(mut self, life: Duration) -> Self {
        self.settings.stream_life = life;
        self
    }

    /// Most streams from the network open at once; 10,000 if not set. Further ones are refused as overloaded.
    pub fn max_streams(mut self, streams: usize) -> Self {
        self.settings.max_streams = streams;
        self
    }

    /// Largest request or reply, in bytes; 4 MiB if not set.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.settings.max_message = bytes;
        self.http.max_message = bytes;
        self
    }

    /// Memory of the request bodies held at once, those being read and those of running calls, in bytes; further ones are
    /// answered 503. 256 MiB if not set, and never less than one of the largest.
    pub fn max_body_memory(mut self, bytes: usize) -> Self {
        self.max_body_memory = bytes;
        self
    }

    /// Most calls from the network that run at once; further ones are refused as overloaded. 10,000 if not set.
    pub fn max_in_flight(mut self, calls: usize) -> Self {
        self.settings.max_in_flight = calls;
        self
    }

    /// The limits on connections, headers and bodies when the node serves a listener itself.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How connections to other nodes are made and kept.
    pub fn http(mut self, settings: HttpSettings) -> Self {
        self.http = settings;
        self
    }

    /// Whether this node's calls go as frames over one connection to each other node, as they do unless this says otherwise, or each as an HTTP
    /// request of its own. The node takes both in any case, and sends HTTP requests to nodes that refuse frames.
    pub fn frames(mut self, frames: bool) -> Self {
        self.frames = frames;
        self
    }

    /// What the node tells others of its program's build, if not that of its executable: for tests of clusters of several builds. Nodes of one build
    /// speak the compact codec where a service asks for it.
    pub fn program_build(mut self, build: Build) -> Self {
        self.settings.build = build;
        self
    }

    /// Wraps the caller of all the node's clients; the last layer added is the outermost. Calls that stay on the node are plain
    /// method calls and do not pass it. Layers on the serving side are tower layers: `node.router().layer(…)`.
    pub fn layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// Answers requests of web pages of this origin, such as `https://example.com`. None are answered otherwise.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Answers requests for this host name. What comes to a loopback address, also from a proxy on the same machine, is otherwise
    /// answered only for IP addresses, `localhost` and the advertised name, so that a web page cannot reach a node under a name
    /// of its own. Under a server that is not ours the advertised address decides.
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.hosts.push(name.into());
        self
    }

    /// Sends the node's own calls over the network too, for tests of what is different there.
    pub fn force_remote(mut self) -> Self {
        self.force_remote = true;
        self
    }

    /// Runs every `read` and `idempotent` method twice, for tests that expose those that are not. A `read` that answers
    /// differently the second time is an error of the call. Implies [`force_remote`](Self::force_remote).
    pub fn run_twice(mut self) -> Self {
        self.settings.run_twice = true;
        self.force_remote()
    }

    /// Builds the node. It answers as soon as its router is served.
    ///
    /// # Errors
    /// [`StartError`] with everything that is missing, doubled or unbuildable.
    ///
    /// # Panics
    /// A [`seed`](Self::seed) outside of a tokio runtime.
    pub fn build(mut self) -> Result<Node, StartError> {
        let mut problems = Vec::new();
        let address = self.checked_address(&mut problems);
        let membership = address.as_ref().and_then(|address| keep(self.membership(address), &mut problems));
        let (Some(address), Some(membership)) = (address, membership) else {
            return Err(StartError::of(problems));
        };
        let body_memory =
            Memory::new(self.max_body_memory.max(self.settings.max_message.saturating_add(limits::ENVELOPE_ROOM)));
        let Membership { groups, authority, cluster, coordinated } = membership;
        let here = Here::new(NodeId::new(address.as_str()), groups, authority, self.settings);
        let client_side = WhereverBuilder::inside(here.clone(), cluster)
            .http(self.http)
            .frames(self.frames)
            .random(self.place.random)
            .force_remote(self.force_remote);
        let client_side = match self.transport {
            Some(transport) => client_side.transport(transport),
            None => client_side,
        };
        let client_side = self.layers.into_iter().fold(client_side, WhereverBuilder::layer);
        let wherever = client_side.build().map_err(|error| StartError::of(vec![Problem::Client(error)]))?;
        for state in self.states {
            here.states.add(state).expect("the registration ends further below");
        }
        let providers = self.providers.resolve(&wherever, &self.values).map_err(StartError::of)?;
        let registry = Registry::new(providers);
        let catalogue = Catalogue::linked(&registry).map_err(|doubled| StartError::of(same_names(doubled)))?;
        // In a live cluster a restart is a new epoch, which tells by itself what the records do not go back to.
        let doubt = if coordinated.is_some() { Duration::ZERO } else { RESTART_DOUBT };
        here.record_calls(registry.services(), doubt);
        states::open_owned(&here).map_err(StartError::of)?;
        here.provide(registry);
        let host = address.rsplit_once(':').map_or("", |(host, _)| host).trim_matches(['[', ']']);
        let is_loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let doorman = Doorman { origins: self.origins, hosts: self.hosts, is_loopback };
        let (embedded, live) = coordinated.map_or((None, None), |Coordinated { settings, embedded }| {
            (embedded, Some(Live::new(here.clone(), wherever.clone(), address.clone(), settings)))
        });
        let (limits, values) = (self.limits, self.values);
        let parts = Parts { here, wherever, catalogue, values, live, embedded, address, limits, doorman, body_memory };
        Ok(Node(Arc::new(parts)))
    }

    /// What the node belongs to, and how far that is known before it joins.
    fn membership(&mut self, address: &str) -> Result<Membership, Vec<Problem>> {
        let coordination = std::mem::take(&mut self.coordination);
        let is_fixed = matches!(coordination, Coordination::Fixed);
        if !is_fixed && !self.nodes.is_empty() {
            return Err(vec![Problem::TwoMemberships]);
        }
        let Some(coordinated) = coordination.open(self.place.clone()).map_err(|problem| vec![problem])? else {
            let fixed = self.cluster(address)?;
            let cluster = Some(fixed.cluster_id());
            let (groups, authority) = (groups(&fixed, address), Authority::fixed());
            return Ok(Membership { groups, authority, cluster, coordinated: None });
        };
        let groups = membership::groups(&NodeId::new(address));
        let authority = membership::leased(&self.place.clock);
        Ok(Membership { groups, authority, cluster: None, coordinated: Some(coordinated) })
    }

    /// Advertises `address` if nothing else is.
    pub(crate) fn advertise_unless_told(mut self, address: SocketAddr) -> Self {
        self.address.get_or_insert_with(|| address.to_string());
        self
    }

    fn checked_address(&self, problems: &mut Vec<Problem>) -> Option<String> {
        let only = match self.nodes.as_slice() {
            [(only, _)] => Some(only),
            _ => None,
        };
        let Some(address) = self.address.as_ref().or(only) else {
            problems.push(Problem::NoAddress);
            return None;
        };
        if address.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_unspecified() || address.port() == 0) {
            problems.push(Problem::Unroutable(address.clone()));
            return None;
        }
        Some(address.clone())
    }

    fn cluster(&self, address: &str) -> Result<FixedNodes, Vec<Problem>> {
        let alone = vec![(address.to_owned(), 1)];
        let listed = if self.nodes.is_empty() { alone } else { self.nodes.clone() };
        let fixed = FixedNodes::new(listed).map_err(|bad| vec![Problem::Nodes(bad)])?;
        if fixed.nodes().iter().any(|node| node.address == address) {
            return Ok(fixed);
        }
        let list: Vec<_> = fixed.nodes().iter().map(|node| node.address.as_str()).collect();
        Err(vec![Problem::NotAMember { address: address.to_owned(), list: list.join(", ") }])
    }
}

/// What a node belongs to.
struct Membership {
    groups: Arc<Groups>,
    authority: Authority,
    cluster: Option<String>,
    coordinated: Option<Coordinated>,
}

/// Every group of a fixed cluster has all its nodes and the same slots.
fn groups(fixed: &FixedNodes, address: &str) -> Arc<Groups> {
    let slots = fixed.slots();
    let here = NodeId::new(address);
    Arc::new(Groups::new(MAX_GROUPS, move |name| {
        let group = Group::new(name).at(here.clone()).fixed();
        group.install(&slots);
        group
    }))
}

fn same_names(doubled: Vec<Doubled>) -> Vec<Problem> {
    let problem =
        |Doubled(first, second)| Problem::SameName { name: first.name, first: first.path, second: second.path };
    doubled.into_iter().map(problem).collect()
}

fn keep<T>(result: Result<T, Vec<Problem>>, problems: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|more| problems.extend(more)).ok()
}
