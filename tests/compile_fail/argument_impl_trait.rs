//! An argument of any type.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: impl Into<String>) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
