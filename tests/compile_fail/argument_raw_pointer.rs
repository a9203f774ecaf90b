//! A raw pointer.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: String, at: *const u8) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
