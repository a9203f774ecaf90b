//! Which services this node provides: those given to its builder and those found at link time.

use std::collections::{BTreeMap, HashMap};

use super::Provider;
use crate::service::{MethodDescriptor, ServiceDescriptor};

/// The providers of one node, by service and by method.
#[derive(Debug, Default)]
pub struct Registry {
    // Ordered: a node provides a few services, and comparing their names costs less than hashing one.
    by_service: BTreeMap<&'static str, Provider>,
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
