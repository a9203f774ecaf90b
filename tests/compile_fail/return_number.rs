//! A bare number.
use wherever::rpc_service;

#[rpc_service]
trait Store {
    async fn put(&self, code: String) -> u64;
}

fn main() {
    let _new = StoreClient::new;
}
