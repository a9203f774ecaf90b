//! A bare unit.
use wherever::rpc_service;

#[rpc_service]
trait Store {
    async fn put(&self, code: String) -> ();
}

fn main() {
    let _new = StoreClient::new;
}
