//! The attribute on the impl of a trait.
use wherever::rpc_service;

struct Store;

#[rpc_service]
impl Clone for Store {
    fn clone(&self) -> Self {
        Store
    }
}

fn main() {
    let _store = Store.clone();
}
