//! An Option where a Result belongs.
use wherever::rpc_service;

#[rpc_service]
trait Store {
    async fn get(&self, code: &str) -> Option<String>;
}

fn main() {
    let _new = StoreClient::new;
}
