//! A node's part in a live cluster: it joins, keeps its authority, holds its slots, hands them over, and leads if it falls to it.
//!
//! The protocols are machines in [`rpc_core::cluster`]; here is what drives them. Each incarnation runs these tasks:
//!
//! - `membership`: the node's record and its lease
//! - `beats`: its authority
//! - `picture`: the coordinator's records, read as they change
//! - `steward`: this node's slots, opened and closed as the records say; moves to and from it are begun there
//! - `source`, `target`: one task for each move
//! - `lead`: the controller, on one node

mod beats;
mod complaints;
mod decide;
#[cfg(test)]
mod fixtures;
mod holder;
mod joined;
mod lead;
mod live;
mod membership;
mod operate;
mod orders;
mod picture;
mod planted;
mod refusals;
mod sending;
mod source;
mod start;
mod steward;
mod target;
mod view;

pub use live::{Ended, LiveSettings, Status};
pub use membership::JoinError;
#[doc(hidden)]
pub use planted::Planted;

pub(crate) use live::Live;
