//! A type that is no Result after all.
use wherever::rpc_service;

struct Answer;

#[rpc_service]
trait Store {
    async fn get(&self, code: &str) -> Answer;
}

fn main() {
    let _new = StoreClient::new;
}
