//! An unsafe trait.
use wherever::{RpcError, rpc_service};

#[rpc_service]
unsafe trait Store {
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
