//! The attribute on an enum.
use wherever::rpc_service;

#[rpc_service]
enum Store {}

fn main() {
    let _store: Option<Store> = None;
}
