//! A tuple where a Result belongs.
use wherever::rpc_service;

#[rpc_service]
trait Store {
    async fn get(&self, code: &str) -> (u8, u8);
}

fn main() {
    let _new = StoreClient::new;
}
