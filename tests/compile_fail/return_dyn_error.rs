//! An error that cannot be sent.
use wherever::rpc_service;

#[rpc_service]
trait Store {
    async fn get(&self, code: &str) -> Result<String, Box<dyn std::error::Error>>;
}

fn main() {
    let _new = StoreClient::new;
}
