//! From a call's key to the node that owns it.

pub mod key;
pub mod slot;
