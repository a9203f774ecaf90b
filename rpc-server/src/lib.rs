//! The node of Wherever: what turns providers and a list of nodes into a member of a cluster.
//!
//! Users depend on the crate `wherever`, which re-exports what they need. In the order in which a call arrives:
//!
//! - [`listener`]: the accept loop and its limits
//! - `serve`: how a node serves and ends
//! - `http`: the routes; a request's way from headers to reply
//! - `gateway`: calls of clients that know no slot map
//! - [`node`]: the node and its builder
//! - [`cluster`]: the node's part in a live cluster
//! - `catalogue`: the services this program knows, by name
//! - `memory`: what request bodies may take together
//! - [`coordinator`]: the disk under a coordinator that a seed node holds
//! - [`testing`]: whole clusters in one process, for users' tests and ours

pub mod listener;

mod serve;

pub mod http;

mod gateway;

pub mod node;

pub mod cluster;

mod catalogue;

mod memory;

pub mod coordinator;

pub mod testing;

pub use listener::Limits;
pub use node::{Node, NodeBuilder, StartError};
pub use serve::Membership;
