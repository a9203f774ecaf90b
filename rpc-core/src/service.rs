//! What an annotated trait is, as plain data: the macro fills these in, everything else reads them.

mod result;

use std::fmt;

pub use result::MethodResult;
pub(crate) use result::{Failure, Value};

use crate::codec::args::Args;
use crate::codec::payload::{Payload, ToJson};
use crate::codec::trial::Trial;
use crate::error::RpcError;
use crate::node::NodeId;
use crate::slot::Slot;

/// A service: an annotated trait.
#[derive(Debug)]
pub struct ServiceDescriptor {
    /// The name on the wire, unique in a program.
    pub name: &'static str,
    /// The group whose slot map routes its calls.
    pub group: &'static str,
    /// Its methods, in the order of the trait.
    pub methods: &'static [&'static MethodDescriptor],
    /// The trait's path, for messages.
    pub path: &'static str,
}

/// A method of a service.
pub struct MethodDescriptor {
    /// The service's name on the wire.
    pub service: &'static str,
    /// The group whose slot map routes the call.
    pub group: &'static str,
    /// The method's name on the wire.
    pub name: &'static str,
    /// `Service.method`, as in a request.
    pub full_name: &'static str,
    /// Where it runs.
    pub routing: Routing,
    /// The arguments' names, in order.
    pub params: &'static [&'static str],
    /// What the key is made of, for people: `code`, `url.host`.
    pub key: &'static [&'static str],
    /// The method's documentation, as written on the trait.
    pub docs: &'static str,
    /// It changes nothing: may be retried, repeated, cached.
    pub read: bool,
    /// Twice is the same as once: may be retried.
    pub idempotent: bool,
    /// It answers with a stream of items.
    pub streams: bool,
    /// Once started it runs to its end, whatever becomes of the caller.
    pub detach: bool,
    /// The slot of a call's raw arguments, for gateways; `None` without a key.
    pub slot_of: Option<SlotOf>,
    /// Merges the replies of all nodes into one; `Some` exactly for [`Routing::All`].
    pub merge: Option<MergeReplies>,
    /// Its arguments and answers may travel in the compact codec between nodes of one build; `None` if they are always JSON.
    pub compact: Option<Compact>,
}

/// Writes as JSON what was written of a method's types.
#[derive(Debug)]
pub struct Compact {
    /// The arguments.
    pub params: ToJson,
    /// The value.
    pub value: ToJson,
    /// The service's own error.
    pub failure: ToJson,
    /// Whether its types are fit for the compact codec, as far as is known.
    pub trials: Trials,
}

/// The [`Trial`] of each of a method's types.
#[derive(Debug, Default)]
pub struct Trials {
    /// Of the arguments.
    pub params: Trial,
    /// Of the value.
    pub value: Trial,
    /// Of the service's own error.
    pub failure: Trial,
}

impl Trials {
    /// Nothing is known yet.
    pub const fn new() -> Self {
        Self { params: Trial::new(), value: Trial::new(), failure: Trial::new() }
    }
}

/// Computes a call's slot from its raw arguments.
pub type SlotOf = fn(&Args<'_>) -> Result<Slot, RpcError>;

/// Merges what each node answered, in the order of the nodes; never called with an empty list.
pub type MergeReplies = fn(Vec<(NodeId, Result<Payload, RpcError>)>) -> Result<Payload, RpcError>;

impl MethodDescriptor {
    /// Whether a call that may have run can be sent again.
    pub fn repeatable(&self) -> bool {
        self.read || self.idempotent
    }

    /// Whether a call from another node leaves a record in its slot, by which a second sending of it is known. One that opens a stream leaves
    /// none: there is no one answer to keep.
    pub fn is_recorded(&self) -> bool {
        self.slot_of.is_some() && !self.repeatable() && !self.streams
    }
}

impl fmt::Debug for MethodDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MethodDescriptor")
            .field("name", &self.full_name)
            .field("routing", &self.routing)
            .finish_non_exhaustive()
    }
}

/// Where a method runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Routing {
    /// On the owner of the key's slot.
    Key,
    /// On any node; the named balancing policy picks (see [`crate::route::balance`]).
    Any(Balancing),
    /// On every node; the replies are merged.
    All(Partial),
    /// On the node of the caller.
    Here,
}

impl fmt::Display for Routing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "key",
            Self::Any(_) => "any",
            Self::All(Partial::Refuse) => "all",
            Self::All(Partial::Accept) => "all(partial)",
            Self::Here => "here",
        })
    }
}

/// How a node is picked for a method that any node can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Balancing {
    /// This node if it provides the service, else the others in turn.
    PreferHere,
    /// All nodes in turn.
    RoundRobin,
}

/// What a call to all nodes answers when some of them fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partial {
    /// The first failure.
    Refuse,
    /// The merged replies of the others; a [`crate::PerNode`] keeps the failures too.
    Accept,
}

/// A service linked into this program, found at start.
pub struct LinkedService(pub &'static ServiceDescriptor);

inventory::collect!(LinkedService);

/// Whether calls of some service linked into this program may travel in the compact codec.
pub fn is_any_compact() -> bool {
    linked_services().any(|service| service.methods.iter().any(|method| method.compact.is_some()))
}

/// All services linked into this program, providers or not: what a gateway can route.
pub fn linked_services() -> impl Iterator<Item = &'static ServiceDescriptor> {
    inventory::iter::<LinkedService>.into_iter().map(|linked| linked.0)
}
