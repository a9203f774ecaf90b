//! How calls travel between nodes. Nothing in here knows what a slot map or a member is.

pub mod budget;
pub mod frames;
pub mod headers;
pub mod http;
pub mod multiplex;
pub mod peers;
