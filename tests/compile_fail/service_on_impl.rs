//! The attribute on an impl.
use wherever::rpc_service;

struct Store;

#[rpc_service]
impl Store {}

fn main() {
    let _store = Store;
}
