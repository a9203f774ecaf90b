//! The provider's side of a call: who provides what on this node, and how a provider is run.

pub mod authority;
pub mod dedup;
pub mod guarded;
pub mod here;
pub mod in_flight;
pub mod incoming;
pub mod registry;
pub mod streamed;
pub(crate) mod verdict;

use std::sync::Arc;

use futures_util::future::BoxFuture;

pub use here::Here;
pub use incoming::{Entry, Incoming};
pub use registry::Registry;
pub use streamed::Yield;

use crate::call::Reply;
use crate::error::RpcError;
use crate::service::ServiceDescriptor;

/// What the provider of a method answered, still encoded.
pub type Answered = Result<Reply, RpcError>;

/// The object-safe side of an annotated trait; implemented by generated code only.
pub trait Service: Send + Sync + 'static {
    /// The trait as data.
    fn descriptor() -> &'static ServiceDescriptor;

    /// Decodes the arguments of `call`, enters its slot and runs the method. The future owns everything it needs.
    fn dispatch(self: Arc<Self>, call: Incoming) -> BoxFuture<'static, Answered>;
}

/// A user's implementation of one service, ready to be called with bytes or, by a client of the same trait, directly.
#[derive(Clone)]
pub struct Provider {
    descriptor: &'static ServiceDescriptor,
    // An `Arc<S>` of the service's object type, for clients on this node.
    typed: Arc<dyn std::any::Any + Send + Sync>,
    dispatch: Arc<dyn Dispatch>,
}

trait Dispatch: Send + Sync {
    fn dispatch(&self, call: Incoming) -> BoxFuture<'static, Answered>;
}

struct Typed<S: ?Sized>(Arc<S>);

impl<S: Service + ?Sized> Dispatch for Typed<S> {
    fn dispatch(&self, call: Incoming) -> BoxFuture<'static, Answered> {
        S::dispatch(self.0.clone(), call)
    }
}

impl Provider {
    /// Wraps an implementation; generated code calls this.
    pub fn new<S: Service + ?Sized>(service: Arc<S>) -> Self {
        Self { descriptor: S::descriptor(), typed: Arc::new(service.clone()), dispatch: Arc::new(Typed(service)) }
    }

    /// The service it implements.
    pub fn descriptor(&self) -> &'static ServiceDescriptor {
        self.descriptor
    }

    /// The implementation itself, for a client of the service type `S`.
    pub fn typed<S: Service + ?Sized>(&self) -> Option<Arc<S>> {
        self.typed.downcast_ref::<Arc<S>>().cloned()
    }

    pub(crate) fn dispatch(&self, call: Incoming) -> BoxFuture<'static, Answered> {
        self.dispatch.dispatch(call)
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Provider({})", self.descriptor.name)
    }
}
