//! Providers found at link time.

use std::any::{Any, TypeId};
use std::sync::Arc;

use super::{InjectError, Injector};
use crate::provider::Provider;
use crate::service::ServiceDescriptor;

/// A provider type linked into this program by `#[rpc_provider]`, as the generated code describes it.
pub struct LinkedProvider {
    /// The provider's type.
    pub type_id: fn() -> TypeId,
    /// The type's name, for messages.
    pub type_name: fn() -> &'static str,
    /// The service it provides.
    pub service: fn() -> &'static ServiceDescriptor,
    /// Builds it from the node; `None` for one that only `Node::builder().provide(value)` brings to life.
    pub build: Option<Build>,
    /// Takes over a given value of the type; `None` for a value of another type.
    pub adopt: fn(Arc<dyn Any + Send + Sync>) -> Option<Provider>,
}

/// Builds a provider from the node.
pub type Build = fn(&Injector<'_>) -> Result<Provider, InjectError>;

inventory::collect!(LinkedProvider);

/// Every provider linked into this program.
pub fn linked_providers() -> impl Iterator<Item = &'static LinkedProvider> {
    inventory::iter::<LinkedProvider>.into_iter()
}
