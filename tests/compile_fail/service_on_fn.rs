//! The attribute on a function.
use wherever::rpc_service;

#[rpc_service]
async fn put() {}

fn main() {
    let _put = put();
}
