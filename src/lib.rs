//! Call a trait; it runs wherever its data lives.
#![doc = include_str!("../README.md")]

pub use rpc_core::call::{Context, Deadline, with_deadline};
pub use rpc_core::client::{ServiceClient, Wherever};
pub use rpc_core::cluster::NodeId;
pub use rpc_core::error::{Executed, Kind, RpcError};
pub use rpc_core::merge::{Merge, PerNode};
pub use rpc_core::provider::{Inject, InjectError, Provider};
pub use rpc_macros::{Inject, rpc_provider, rpc_service};
pub use rpc_server::listener::{serve, serve_with};
pub use rpc_server::{Limits, Node, NodeBuilder, StartError, testing};

#[doc(hidden)]
pub use rpc_core::private as __private;
