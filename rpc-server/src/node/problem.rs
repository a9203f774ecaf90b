//! Why a node cannot start: all that is wrong, at once, each with what to write instead.

use std::fmt;

use rpc_core::RpcError;
use rpc_core::cluster::fixed::BadNodes;
use rpc_core::inject::InjectError;
use rpc_core::state::StateError;
use rpc_core::state::registry::Fault;

/// A node cannot start. Its `Debug` is its `Display`, since a `main` that returns it prints that.
pub struct StartError {
    problems: Vec<Problem>,
}

impl StartError {
    pub(super) fn of(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// Everything that is wrong.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the node cannot start")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for StartError {}

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Nobody could find the node.
    #[error("nobody would know where this node answers: say so with `.advertise(\"host:port\")`")]
    NoAddress,
    /// The address is no one's in particular.
    #[error(
        "{0:?} cannot be dialed from elsewhere: give `.advertise(\"host:port\")` the address that the other nodes use"
    )]
    Unroutable(String),
    /// The folder of a seed cannot be used.
    #[error("the coordinator's folder cannot be used: {0}")]
    Seed(String),
    /// The node is told of a list and of a coordinator.
    #[error(
        "a node has either a fixed list of nodes or a coordinator: leave out `.nodes(…)`, or `.seed()` and the like"
    )]
    TwoMemberships,
    /// The list of nodes is no cluster.
    #[error(transparent)]
    Nodes(#[from] BadNodes),
    /// The node is not in its own list.
    #[error(
        "this node's address {address} is not in the list of nodes ({list}): add it, or `.advertise` the one that is"
    )]
    NotAMember {
        /// The address advertised.
        address: String,
        /// The nodes listed.
        list: String,
    },
    /// Two traits have the same service name.
    #[error(
        "the traits {first} and {second} are both the service {name}: give one another name, `#[rpc_service(name = \"…\")]`"
    )]
    SameName {
        /// The name.
        name: &'static str,
        /// One trait.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// Two providers for a service, both linked.
    #[error(
        "the linked providers {first} and {second} both provide {service}: leave one out with `.without::<{second}>()`"
    )]
    LinkedTwice {
        /// The service.
        service: &'static str,
        /// One provider's type.
        first: &'static str,
        /// The other's.
        second: &'static str,
    },
    /// Two providers for a service, both given.
    #[error("two providers for {0} were given: call `.provide(…)` once for each service")]
    GivenTwice(&'static str),
    /// A given value that provides nothing.
    #[error(
        "{0} is not marked `#[rpc_provider]`, so nobody knows what it provides: mark it, or write `.provide(YourServiceClient::provider(value))`"
    )]
    ProvidesNothing(&'static str),
    /// A linked provider that cannot be built.
    #[error("the provider of {service} cannot be built: {error}")]
    Unbuildable {
        /// The service.
        service: &'static str,
        /// What is missing.
        error: InjectError,
    },
    /// An expected provider that is not there.
    #[error(
        "no provider of {0} is linked or given, though the program expects one: is the crate with its `#[rpc_provider]` linked (`use it as _;`)?"
    )]
    Missing(&'static str),
    /// A state that cannot be registered.
    #[error(transparent)]
    State(#[from] Fault),
    /// A state that cannot be opened.
    #[error("the state {name} cannot be opened: {error}")]
    StateNotOpened {
        /// Its name.
        name: String,
        /// Why.
        error: StateError,
    },
    /// The client side cannot be set up.
    #[error("the node's client side cannot be set up: {0}")]
    Client(RpcError),
    /// The listener has no address.
    #[error("the listener's address cannot be read: {0}")]
    Listener(std::io::Error),
}
