//! What every generated client shares: is the call for this node, and if not, how does it get where it must.

pub mod builder;
pub mod counts;
pub mod fanout;
pub mod far;
pub mod near;
pub mod refresh;
pub mod retry;
pub mod router;
mod shared;
mod slots;
pub mod typed;
pub mod wherever;

use std::sync::{Arc, OnceLock};

pub use builder::{Layer, WhereverBuilder};
pub use far::Far;
pub use near::Near;
pub use typed::ServiceClient;
pub use wherever::Wherever;

use crate::call::{Context, Target};
use crate::error::{Kind, RpcError};
use crate::node::NodeId;
use crate::provider::incoming::Key;
use crate::provider::{Provider, Service};
use crate::route::group::Group;
use crate::service::{MethodDescriptor, Routing};

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
    // This node's own provider, found at the first call after the node's start.
    provider: OnceLock<Option<Arc<S>>>,
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
        Self(Arc::new(Backing::Cluster(Cluster {
            wherever: wherever.clone(),
            group,
            pinned,
            provider: OnceLock::new(),
        })))
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
    fn route(&self, method: &'static MethodDescriptor, key: Key) -> Result<Route<'_, S>, RpcError> {
        let slot = key.slot()?;
        let target = match (&self.pinned, method.routing, slot) {
            (Some(node), _, _) => Target::Node(node.clone(), slot),
            (None, _, Some(slot)) => Target::Slot(slot),
            (None, Routing::All(_), None) => Target::All,
            (None, Routing::Here, None) => Target::Node(self.here_id(method)?, None),
            (None, _, None) => Target::Any,
        };
        match self.near(method, &target)? {
            Some(near) => Ok(Route::Near(near)),
            None => Far::new(&self.wherever, method, target).map(Route::Far),
        }
    }

    /// The place of a call that this node's own provider takes as a plain method call.
    fn near(&self, method: &'static MethodDescriptor, target: &Target) -> Result<Option<Near<'_, S>>, RpcError> {
        let Some(here) = self.wherever.here().filter(|_| !self.wherever.forces_remote()) else { return Ok(None) };
        let is_here = match target {
            Target::Slot(_) | Target::Any => true,
            Target::Node(node, _) => *node == here.id,
            Target::All => false,
        };
        let Some(provider) = self.provider().filter(|_| is_here) else { return Ok(None) };
        if matches!(target, Target::Any) && (!self.wherever.prefers_here(method) || here.is_leaving()) {
            return Ok(None);
        }
        let occupied = match target.slot().map(|slot| (slot, self.group.enter(slot))) {
            Some((_, None)) => return Ok(None),
            Some((slot, Some(occupied))) => Some((slot, occupied)),
            None => None,
        };
        Near::by_node(method, provider, here, &self.group, occupied, self.wherever.counts()).map(Some)
    }

    fn provider(&self) -> Option<&Arc<S>> {
        if let Some(known) = self.provider.get() {
            return known.as_ref();
        }
        let registry = self.wherever.here()?.registry()?;
        let find = || registry.provider(S::descriptor().name).and_then(Provider::typed::<S>);
        self.provider.get_or_init(find).as_ref()
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
