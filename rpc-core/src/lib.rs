//! The core of Wherever: what a call is, how its key becomes a slot, how it finds the slot's owner, and how a provider is run.
//!
//! Users depend on the crate `wherever`, which re-exports what they need. In the order in which a call travels:
//!
//! - [`service`]: what an annotated trait is, as data
//! - [`inject`]: structs built from a node; providers found at link time
//! - [`client`]: what generated clients share: near or far, retries, redirects
//! - [`route`]: key → slot → owner; slot cells; balancing policies
//! - [`cluster`]: the fixed list of nodes, the assignment of slots, the records of a live cluster, the view that a node tells
//! - [`coordinator`]: where those records are kept
//! - [`state`]: what a provider keeps slot by slot, and how it moves
//! - [`transport`]: peers, their budgets, and the HTTP connection to them
//! - [`codec`]: JSON-RPC envelopes, arguments, finite numbers
//! - [`provider`]: the node's side: registry, dispatch, guarded running
//! - [`call`], [`build`], [`merge`], [`clock`], [`error`], [`node`], [`slot`], [`stripes`], [`limits`]: the words that all of these speak

pub mod service;

pub mod inject;

pub mod client;

pub mod route;

pub mod cluster;
pub mod coordinator;

pub mod transport;

pub mod codec;

pub mod provider;

pub mod state;

pub mod build;
pub mod call;
pub mod clock;
pub mod error;
pub mod limits;
pub mod merge;
pub mod node;
pub mod slot;
pub mod stripes;

#[doc(hidden)]
pub mod private;

pub use call::{Context, with_deadline};
pub use error::{Executed, Kind, RpcError};
pub use futures_util::Stream;
pub use merge::{Merge, PerNode};
pub use node::NodeId;
