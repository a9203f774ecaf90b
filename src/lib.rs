//! Call a trait; it runs wherever its data lives.
//!
//! [`rpc_service`](macro@rpc_service) on a trait makes a client that implements the same trait. A call's key hashes to one of 16384
//! slots, exactly as in Redis Cluster. If this node owns the slot, the call is a plain method call; otherwise it is one request
//! to the node that does. The README shows it from the first line to three running nodes.
//!
//! | you want to | look at |
//! |---|---|
//! | make a trait remote | [`rpc_service`](macro@rpc_service); [`Merge`] and [`PerNode`] for methods that run on all nodes |
//! | provide it | [`rpc_provider`](macro@rpc_provider), [`Inject`](macro@Inject), [`NodeBuilder::provide`] |
//! | run a node | [`Node::builder`], [`Node::serve`], or [`Node::router`] with [`serve()`] in an axum program of yours |
//! | keep data that moves with its slots | [`Slots`], [`Wherever::slots`]; [`SlotState`] for a store of your own |
//! | only call | [`Wherever::connect`] |
//! | know what failed, and whether it ran | [`RpcError`], [`Kind`], [`Executed`] |
//! | bound a call's time | [`with_deadline`]; [`Context`] in a provider |
//! | test | [`testing`] |
//! | stand between clients and network | [`Caller`], [`Layer`] |

/// The README's examples are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

// Define: annotate a trait, implement it, inject its client.
pub use rpc_core::inject::{Inject, InjectError, Injector};
pub use rpc_core::merge::{Merge, PerNode};
pub use rpc_core::provider::Provider;
pub use rpc_core::state::Slots;
pub use rpc_macros::{Inject, rpc_provider, rpc_service};

// Call: from a node, or from a program that only consumes.
pub use rpc_core::Stream;
pub use rpc_core::call::{Context, Deadline, with_deadline};
pub use rpc_core::client::{ServiceClient, Streamed, Wherever};
pub use rpc_core::error::{ErrorRecord, Executed, Kind, RpcError};
pub use rpc_core::node::{NodeId, NodeInfo};
pub use rpc_core::slot::Slot;

// Wrap: what stands between every client and the network.
pub use rpc_core::call::{Call, CallId, Caller, Items, Outcome, Reply, items::Source};
pub use rpc_core::client::Layer;
pub use rpc_core::codec::payload::{Codec, Payload};
pub use rpc_core::transport::http::HttpSettings;

// Keep: state of a provider's own that moves with its slots.
pub use rpc_core::state::registry::Fault as StateFault;
pub use rpc_core::state::{Content, Pulled, SlotState, StateError};

// Serve: a node, alone or in a program's own router.
pub use rpc_server::listener::{Drained, Limits, serve, serve_with, serve_with_shutdown};
pub use rpc_server::node::{Node, NodeBuilder, Problem, StartError};

// Join: a live cluster, in which nodes come and go and slots move.
pub use rpc_core::clock::{BootClock, Clock};
pub use rpc_core::cluster::authority::Timing;
pub use rpc_core::cluster::controller::Pace;
pub use rpc_server::Membership;
pub use rpc_server::cluster::{Ended, JoinError, Status};

pub use rpc_core::build::Build;
pub use rpc_server::testing;

/// Where a live cluster's records are kept: in a seed node, or in etcd (feature `etcd`, whose build takes `protoc`).
pub mod coordinator {
    pub use rpc_core::clock::{BootClock, Clock};
    pub use rpc_core::coordinator::*;
    pub use rpc_core::transport::http::coordinator::RemoteCoordinator;
    #[cfg(feature = "etcd")]
    pub use rpc_etcd::{Etcd, EtcdOptions};
    pub use rpc_server::coordinator::RedbJournal;
}

/// The cluster as a node tells it: nodes, slots, services, counts.
pub use rpc_core::cluster::view;

#[doc(hidden)]
pub use rpc_core::private as __private;
