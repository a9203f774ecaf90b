//! The attribute on a module.
use wherever::rpc_service;

#[rpc_service]
mod store {}

fn main() {}
