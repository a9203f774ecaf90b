//! Borrowed texts in a map.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: String, map: std::collections::HashMap<&str, u8>) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
