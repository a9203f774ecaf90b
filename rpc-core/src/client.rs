//! What every generated client shares: is the call for this node, and if not, how does it get where it must.

mod acknowledge;
pub mod builder;
pub mod counts;
pub mod fanout;
pub mod far;
mod lanes;
pub mod near;
pub mod refresh;
pub mod retry;
mod routed;
pub mod router;
mod shared;
mod slots;
pub mod streamed;
pub mod typed;
pub mod under_way;
pub mod wherever;

use std::sync::{Arc, OnceLock};

pub use builder::{Layer, WhereverBuilder};
pub use far::Far;
pub use near::Near;
pub use streamed::Streamed;
pub use typed::ServiceClient;
pub use under_way::UnderWay;
pub use wherever::Wherever;

use near::Home;

use crate::call::{Context, Target};
use crate::error::{Kind, RpcError};
use crate::node::NodeId;
use crate::provider::incoming::Key;
use crate::provider::{Provider, Service};
use crate::route::group::Group;
use crate::service::{MethodDescriptor, Routing};
use crate::slot::Slot;

/// A client of the service type `S`: backed by the cluster, by one node of it, or by a value in this process.
pub struct Client<S: ?Sized>(Arc<Backing<S>>);

enum Backing<S: ?Sized> {
    /// A value in this process.
    Value(Arc<S>),
    /// A cluster.
    Cluster(Cluster<S>),
}

struct Cluster<S: ?Sized> {
    wherever: Wherever,
    group: Arc<Group>,
    pinned: Option<NodeId>,
    // Found at the first call after the node's start.
    local: OnceLock<Option<Local<S>>>,
}

/// This node and its own provider, which takes calls as plain method calls.
struct Local<S: ?Sized> {
    provider: Arc<S>,
    home: Home,
}

/// Where one call goes.
pub enum Route<'a, S: ?Sized> {
    /// To a provider in this process.
    Near(Near<'a, S>),
    /// Somewhere else, encoded.
    Far(Far<'a>),
    /// Nowhere.
    Refused(RpcError),
}

impl<S: ?Sized> Clone for Client<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Service + ?Sized> Client<S> {
    /// A client that reaches the whole cluster.
    pub fn new(wherever: &Wherever) -> Self {
        Self::of_cluster(wherever, None)
    }

    /// A client of the same cluster whose calls all go to `node`.
    pub fn on(&self, node: NodeId) -> Self {
        match &*self.0 {
            Backing::Value(_) => self.clone(),
            Backing::Cluster(cluster) => Self::of_cluster(&cluster.wherever, Some(node)),
        }
    }

    /// A client of a value in this process.
    pub fn of_value(value: Arc<S>) -> Self {
        Self(Arc::new(Backing::Value(value)))
    }

    fn of_cluster(wherever: &Wherever, pinned: Option<NodeId>) -> Self {
        let group = wherever.groups().get(S::descriptor().group);
        Self(Arc::new(Backing::Cluster(Cluster { wherever: wherever.clone(), group, pinned, local: OnceLock::new() })))
    }

    /// Decides where a call goes and, if it stays, takes its place there.
    #[inline]
    pub fn route(&self, method: &'static MethodDescriptor, key: Key) -> Route<'_, S> {
        match &*self.0 {
            Backing::Value(value) => Near::by_value(method, value).map_or_else(Route::Refused, Route::Near),
            Backing::Cluster(cluster) => cluster.route(method, key).unwrap_or_else(Route::Refused),
        }
    }
}

impl<S: Service + ?Sized> Cluster<S> {
    #[inline]
    fn route(&self, method: &'static MethodDescriptor, key: Key) -> Result<Route<'_, S>, RpcError> {
        let slot = key.slot()?;
        let Some(local) = self.local().filter(|local| self.may_stay(local, method, slot)) else {
            return self.far(method, slot);
        };
        let inside = match slot.map(|slot| local.home.group.enter(slot)) {
            Some(None) => return self.far(method, slot),
            Some(inside) => inside,
            None => None,
        };
        Near::by_node(method, &local.provider, &local.home, inside, self.wherever.counts()).map(Route::Near)
    }

    /// Whether this node's own provider is asked, if it serves the slot.
    #[inline]
    fn may_stay(&self, local: &Local<S>, method: &MethodDescriptor, slot: Option<Slot>) -> bool {
        match (&self.pinned, method.routing, slot) {
            (Some(node), _, _) => *node == local.home.here.id,
            (None, _, Some(_)) | (None, Routing::Here, None) => true,
            (None, Routing::All(_), None) => false,
            (None, _, None) => self.wherever.prefers_here(method) && !local.home.here.is_leaving(),
        }
    }

    // Kept out of the code that every call runs through.
    #[inline(never)]
    fn far(&self, method: &'static MethodDescriptor, slot: Option<Slot>) -> Result<Route<'_, S>, RpcError> {
        let target = match (&self.pinned, method.routing, slot) {
            (Some(node), _, _) => Target::Node(node.clone(), slot),
            (None, _, Some(slot)) => Target::Slot(slot),
            (None, Routing::All(_), None) => Target::All,
            (None, Routing::Here, None) => Target::Node(self.here_id(method)?, None),
            (None, _, None) => Target::Any,
        };
        Far::new(&self.wherever, method, target).map(Route::Far)
    }

    #[inline]
    fn local(&self) -> Option<&Local<S>> {
        match self.local.get() {
            Some(known) => known.as_ref(),
            None => self.find_local(),
        }
    }

    #[cold]
    fn find_local(&self) -> Option<&Local<S>> {
        let here = self.wherever.here().filter(|_| !self.wherever.forces_remote())?;
        let registry = here.registry()?;
        let provider = || registry.provider(S::descriptor().name).and_then(Provider::typed::<S>);
        let home = || Home { here: here.clone(), group: self.group.clone() };
        self.local.get_or_init(|| Some(Local { provider: provider()?, home: home() })).as_ref()
    }

    fn here_id(&self, method: &MethodDescriptor) -> Result<NodeId, RpcError> {
        let outside = || {
            RpcError::new(
                Kind::NoOwner,
                format!("{} runs on the caller's own node, and this program is none", method.full_name),
            )
        };
        self.wherever.here().map(|here| here.id.clone()).ok_or_else(outside)
    }
}

/// What a call made at this point inherits: the path for its children.
fn nested_path() -> Result<crate::call::Path, RpcError> {
    Context::with_current(|current| {
        current.map_or_else(|| Ok(crate::call::Path::root()), |context| context.path_of_nested())
    })
}
