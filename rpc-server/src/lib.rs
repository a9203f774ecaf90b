//! The node of Wherever: what turns providers and a list of nodes into a member of a cluster.
//!
//! Users depend on the crate `wherever`, which re-exports what they need. In the order in which a call arrives:
//!
//! - [`listener`]: the accept loop and its limits
//! - [`http`]: the routes; a request's way from headers to reply
//! - [`gateway`]: calls of clients that know no slot map
//! - [`node`]: the builder, the start, the shutdown
//! - [`testing`]: whole clusters in one process, for users' tests and ours

pub mod listener;

pub mod http;

pub mod gateway;

pub mod node;

pub mod testing;

pub use listener::Limits;
pub use node::{Node, NodeBuilder, StartError};
