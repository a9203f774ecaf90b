//! Which services this node provides: those given to its builder and those found at link time.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use super::{InjectError, Injector, Provider};
use crate::service::{MethodDescriptor, ServiceDescriptor};

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

/// The providers of one node, by service and by method.
#[derive(Debug, Default)]
pub struct Registry {
    by_service: HashMap<&'static str, Provider>,
    by_method: HashMap<&'static str, &'static MethodDescriptor>,
}

impl Registry {
    /// The registry of these providers; of two for one service, the first stays.
    pub fn new(providers: impl IntoIterator<Item = Provider>) -> Self {
        let mut registry = Self::default();
        for provider in providers {
            let descriptor = provider.descriptor();
            registry.by_method.extend(descriptor.methods.iter().map(|method| (method.full_name, *method)));
            registry.by_service.entry(descriptor.name).or_insert(provider);
        }
        registry
    }

    /// The provider of `service`.
    pub fn provider(&self, service: &str) -> Option<&Provider> {
        self.by_service.get(service)
    }

    /// The method called `Service.method`.
    pub fn method(&self, full_name: &str) -> Option<&'static MethodDescriptor> {
        self.by_method.get(full_name).copied()
    }

    /// The services provided.
    pub fn services(&self) -> impl Iterator<Item = &'static ServiceDescriptor> {
        self.by_service.values().map(Provider::descriptor)
    }
}
