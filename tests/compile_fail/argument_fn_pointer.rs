//! A function.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: String, then: fn(u8) -> u8) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
