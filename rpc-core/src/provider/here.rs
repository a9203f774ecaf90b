//! This node, as its own clients and the network see it: what it provides, and the dispatch of encoded calls to it.

use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::authority::Authority;
use super::dedup::{self, Dedup};
use super::in_flight::{InFlight, MAX_IN_FLIGHT};
use super::streamed::{self, Places};
use super::{Incoming, Provider, Registry};
use crate::build::Build;
use crate::call::{Call, Caller, Reply};
use crate::error::{Executed, Kind, RpcError};
use crate::node::NodeId;
use crate::route::groups::Groups;
use crate::service::ServiceDescriptor;
use crate::state::States;
use crate::state::registry::Registered;

/// What a caller of a node on its way out is told to wait.
const LEAVING_RETRY_AFTER: Duration = Duration::from_millis(250);

/// The part of a node that runs providers.
pub struct Here {
    /// The node's name.
    pub id: NodeId,
    /// Its groups, with the cells of its slots.
    pub groups: Arc<Groups>,
    /// Its right to execute.
    pub authority: Authority,
    /// What its providers keep slot by slot.
    pub states: States,
    /// The calls from the network that it is running.
    pub in_flight: Arc<InFlight>,
    /// The streams that were opened over the network.
    pub streams: Arc<Places>,
    /// How it treats calls.
    pub settings: Settings,
    // The same as `id`, for contexts.
    interned: &'static NodeId,
    registry: OnceLock<Registry>,
    // One for each group of its services: few, so that going through them is a look.
    calls: OnceLock<Vec<(&'static str, Arc<Dedup>)>>,
    leaving: AtomicBool,
}

/// How a node treats the calls it serves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Deadline of a call that brought none.
    pub default_deadline: Duration,
    /// Largest reply sent, in bytes.
    pub max_message: usize,
    /// Most calls from the network in flight.
    pub max_in_flight: usize,
    /// Longest life of a stream.
    pub stream_life: Duration,
    /// Most streams that calls from the network have opened, and that have not ended.
    pub max_streams: usize,
    /// Run every `read` and `idempotent` method twice, to expose those that are not; for tests.
    pub run_twice: bool,
    /// The build of this program, as it tells its peers.
    pub build: Build,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_deadline: crate::call::deadline::DEFAULT_DEADLINE,
            max_message: crate::limits::MAX_MESSAGE,
            max_in_flight: MAX_IN_FLIGHT,
            stream_life: streamed::STREAM_LIFE,
            max_streams: streamed::MAX_STREAMS,
            run_twice: false,
            build: Build::OfProgram,
        }
    }
}

impl Here {
    /// A node that provides nothing yet.
    pub fn new(id: NodeId, groups: Arc<Groups>, authority: Authority, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            interned: id.interned(),
            id,
            groups,
            authority,
            in_flight: InFlight::new(settings.max_in_flight),
            streams: Places::new(settings.max_streams),
            settings,
            states: States::default(),
            registry: OnceLock::new(),
            calls: OnceLock::new(),
            leaving: AtomicBool::new(false),
        })
    }

    /// Begins to record the calls of `services`, as a state of each of their groups. `doubt` as for [`Dedup::new`].
    pub fn record_calls(&self, services: impl IntoIterator<Item = &'static ServiceDescriptor>, doubt: Duration) {
        let mut calls: Vec<(&'static str, Arc<Dedup>)> = Vec::new();
        for group in services.into_iter().map(|service| service.group) {
            if calls.iter().any(|(known, _)| *known == group) {
                continue;
            }
            let dedup = Dedup::new(doubt);
            let owner = "the node".to_owned();
            let state =
                Registered { group: group.to_owned(), name: dedup::NAME.to_owned(), owner, state: dedup.clone() };
            if self.states.add_own(state).is_ok() {
                calls.push((group, dedup));
            }
        }
        let _first_stays = self.calls.set(calls);
    }

    /// The records of the calls of `group`.
    pub fn calls(&self, group: &str) -> Option<&Arc<Dedup>> {
        self.calls.get()?.iter().find(|(known, _)| *known == group).map(|(_, dedup)| dedup)
    }

    /// A session has every answer up to `acked`, whichever slots' calls they were.
    pub fn acknowledge(&self, session: u64, acked: u64) {
        let calls = self.calls.get().into_iter().flatten();
        calls.for_each(|(_, dedup)| dedup.acknowledge(session, acked));
    }

    /// Tells what the node provides; the first word counts, since clients may have acted on it.
    pub fn provide(&self, registry: Registry) {
        let _first_stays = self.registry.set(registry);
    }

    /// What the node provides; `None` before it is started.
    pub fn registry(&self) -> Option<&Registry> {
        self.registry.get()
    }

    /// The node's name, for as long as the program runs.
    #[inline]
    pub(crate) fn name(&self) -> &'static NodeId {
        self.interned
    }

    /// From now on, refuses calls that have not started.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    /// Whether the node is on its way out.
    #[inline]
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    /// Whether a call may start now.
    #[inline]
    pub(crate) fn admits(&self) -> Result<(), RpcError> {
        if self.is_leaving() {
            return Err(self.shuts_down());
        }
        if !self.authority.holds() {
            return Err(self.lacks_authority());
        }
        Ok(())
    }

    #[cold]
    fn shuts_down(&self) -> RpcError {
        let refused = RpcError::new(Kind::ShuttingDown, "the node is shutting down");
        refused.with_retry_after(LEAVING_RETRY_AFTER).at_node(&self.id)
    }

    #[cold]
    fn lacks_authority(&self) -> RpcError {
        RpcError::new(Kind::NoAuthority, "the node has no right to execute at the moment").at_node(&self.id)
    }

    /// Runs an encoded call on this node's provider. The future owns all it needs, so it can be moved to a task of its own.
    #[inline]
    pub fn run(self: &Arc<Self>, incoming: Incoming) -> BoxFuture<'static, Result<Reply, RpcError>> {
        let method = incoming.method();
        let Some(provider) = self.registry.get().and_then(|registry| registry.provider(method.service)) else {
            return Box::pin(ready(Err(self.no_provider(method.service))));
        };
        if !(self.settings.run_twice && method.repeatable() && !method.streams) {
            return provider.dispatch(incoming);
        }
        self.run_twice(provider.clone(), incoming)
    }

    #[cold]
    fn run_twice(
        self: &Arc<Self>,
        provider: Provider,
        incoming: Incoming,
    ) -> BoxFuture<'static, Result<Reply, RpcError>> {
        let (here, method) = (self.clone(), incoming.method());
        Box::pin(async move {
            let first = provider.dispatch(incoming.clone()).await?;
            let second = provider.dispatch(incoming).await.map_err(|error| error.at_least(Executed::Maybe))?;
            if method.read && first.outcome != second.outcome {
                let message = format!("{} is declared read, but answered differently when run twice", method.full_name);
                return Err(RpcError::new(Kind::Internal, message).with_executed(Executed::Yes).at_node(&here.id));
            }
            Ok(second)
        })
    }

    #[cold]
    fn no_provider(&self, service: &str) -> RpcError {
        let known: Vec<_> =
            self.registry.get().into_iter().flat_map(Registry::services).map(|service| service.name).collect();
        let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
        let message = format!("node {} provides no service {service}; it provides {known}", self.id);
        RpcError::new(Kind::UnknownService, message).at_node(&self.id)
    }
}

/// Encoded calls run by this node for its own clients: after a redirect to itself, for calls to all nodes, and in the test modes.
pub struct LocalDispatch(pub Arc<Here>);

impl Caller for LocalDispatch {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Reply, RpcError>> {
        self.0.run(Incoming::from_call(call, self.0.clone()))
    }
}
