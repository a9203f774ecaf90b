//! The attribute on a struct.
use wherever::rpc_service;

#[rpc_service]
struct Store;

fn main() {
    let _store = Store;
}
