//! Calls of clients that know no slot map: this node finds the owner for them.

use std::collections::HashMap;

use bytes::Bytes;
use rpc_core::call::{Call, Deadline, Path, Target};
use rpc_core::codec::args::Args;
use rpc_core::provider::Registry;
use rpc_core::service::{MethodDescriptor, Routing, ServiceDescriptor, linked_services};
use rpc_core::{Kind, RpcError};

use crate::node::Node;

/// Every method that this program knows, provided by this node or not.
#[derive(Debug)]
pub(crate) struct Catalogue {
    services: HashMap<&'static str, &'static ServiceDescriptor>,
    methods: HashMap<&'static str, &'static MethodDescriptor>,
    // Names that two traits share, none of which this node provides: nobody can tell which one a request means.
    ambiguous: HashMap<&'static str, Doubled>,
}

/// Two services of one name.
#[derive(Debug)]
pub(crate) struct Doubled(pub(crate) &'static ServiceDescriptor, pub(crate) &'static ServiceDescriptor);

impl Catalogue {
    /// The catalogue of the services linked into the program, of which the node provides those in `registry`.
    ///
    /// # Errors
    /// Each pair of traits that share the name of a service that the node provides: calls of one would run the other.
    pub(crate) fn linked(registry: &Registry) -> Result<Self, Vec<Doubled>> {
        let mut services = HashMap::new();
        let mut shared = HashMap::new();
        for service in linked_services() {
            if let Some(other) = services.insert(service.name, service) {
                shared.insert(service.name, Doubled(other, service));
            }
        }
        let is_provided = |name: &str| registry.provider(name).is_some();
        let (doubled, ambiguous): (HashMap<_, _>, HashMap<_, _>) =
            shared.into_iter().partition(|(name, _)| is_provided(name));
        if !doubled.is_empty() {
            return Err(doubled.into_values().collect());
        }
        services.retain(|name, _| !ambiguous.contains_key(name));
        let methods = services.values().flat_map(|service: &&ServiceDescriptor| service.methods);
        let methods = methods.map(|method| (method.full_name, *method)).collect();
        Ok(Self { services, methods, ambiguous })
    }

    /// The method called `Service.method`; the name comes from outside.
    ///
    /// # Errors
    /// [`Kind::UnknownService`] or [`Kind::UnknownMethod`], before any argument is looked at.
    pub(crate) fn find(&self, name: &str) -> Result<&'static MethodDescriptor, RpcError> {
        if let Some(method) = self.methods.get(name) {
            return Ok(method);
        }
        let (service, method) = name.rsplit_once('.').unwrap_or((name, ""));
        match self.services.get(service) {
            Some(known) => {
                let methods: Vec<_> = known.methods.iter().map(|method| method.name).collect();
                let message =
                    format!("service {service} has no method {:?}; it has: {}", clip(method), methods.join(", "));
                Err(RpcError::new(Kind::UnknownMethod, message))
            }
            None => Err(self.unknown(service)),
        }
    }

    fn unknown(&self, service: &str) -> RpcError {
        let message = match self.ambiguous.get(service) {
            Some(Doubled(a, b)) => {
                format!("the service {service} may be {} or {}: they have the same name", a.path, b.path)
            }
            None => format!("there is no service {:?} here; call Service.method", clip(service)),
        };
        RpcError::new(Kind::UnknownService, message)
    }

    /// The services, by name.
    pub(crate) fn services(&self) -> Vec<&'static ServiceDescriptor> {
        let mut services: Vec<_> = self.services.values().copied().collect();
        services.sort_by_key(|service| service.name);
        services
    }
}

/// The beginning of a name from outside.
fn clip(name: &str) -> &str {
    let end = name.char_indices().nth(64).map_or(name.len(), |(end, _)| end);
    &name[..end]
}

/// The call that a foreign client's request stands for, addressed to where it must run.
///
/// # Errors
/// [`Kind::BadArguments`] or [`Kind::BadKey`] when the key cannot be made out.
pub(crate) fn call(
    node: &Node,
    method: &'static MethodDescriptor,
    params: Bytes,
    deadline: Deadline,
    trace: Option<Bytes>,
) -> Result<Call, RpcError> {
    let target = match (method.routing, method.slot_of) {
        (Routing::All(_), _) => Target::All,
        (Routing::Any(_), _) => Target::Any,
        (_, Some(slot_of)) => Target::Slot(slot_of(&Args::parse(method.params, &params)?)?),
        (_, None) => Target::Node(node.here().id.clone(), None),
    };
    let id = node.wherever().session().next();
    Ok(Call { method, params, target, epoch: 0, deadline, id, hops: 1, path: Path::root(), trace })
}
