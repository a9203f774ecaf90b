//! The core of Wherever: what a call is, how its key becomes a slot, how it finds the slot's owner, and how a provider is run.
//!
//! Users depend on the crate `wherever`, which re-exports what they need. In the order in which a call travels:
//!
//! - [`service`]: what an annotated trait is, as data
//! - [`client`]: what generated clients share: near or far, retries, redirects
//! - [`route`]: key → slot → owner; balancing policies
//! - [`cluster`]: nodes, the fixed list, assignment of slots
//! - [`transport`]: peers and the HTTP connection to them
//! - [`codec`]: JSON-RPC envelopes, arguments, finite numbers
//! - [`provider`]: the node's side: registry, injection, dispatch, guarded running
//! - [`call`], [`error`], [`merge`]: the words that all of these speak

pub mod service;

pub mod client;

pub mod route;

pub mod cluster;

pub mod transport;

pub mod codec;

pub mod provider;

pub mod call;
pub mod error;
pub mod merge;

#[doc(hidden)]
pub mod private;

pub use call::{Context, with_deadline};
pub use cluster::NodeId;
pub use error::{Executed, Kind, RpcError};
pub use merge::{Merge, PerNode};
