#![doc = include_str!("../README.md")]

// Define: annotate a trait, implement it, inject its client.
pub use rpc_core::inject::{Inject, InjectError, Injector};
pub use rpc_core::merge::{Merge, PerNode};
pub use rpc_core::provider::Provider;
pub use rpc_macros::{Inject, rpc_provider, rpc_service};

// Call: from a node, or from a program that only consumes.
pub use rpc_core::call::{Context, Deadline, with_deadline};
pub use rpc_core::client::{ServiceClient, Wherever};
pub use rpc_core::error::{ErrorRecord, Executed, Kind, RpcError};
pub use rpc_core::node::{NodeId, NodeInfo};
pub use rpc_core::slot::Slot;

// Wrap: what stands between every client and the network.
pub use rpc_core::call::{Call, CallId, Caller, Outcome, Reply};
pub use rpc_core::client::Layer;
pub use rpc_core::transport::http::HttpSettings;

// Serve: a node, alone or in a program's own router.
pub use rpc_server::listener::{Drained, Limits, serve, serve_with, serve_with_shutdown};
pub use rpc_server::node::{Node, NodeBuilder, Problem, StartError};

pub use rpc_server::testing;

/// The cluster as a node tells it: nodes, slots, services, counts.
pub use rpc_core::cluster::view;

#[doc(hidden)]
pub use rpc_core::private as __private;
