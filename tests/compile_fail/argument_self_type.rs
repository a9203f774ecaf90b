//! The provider as an argument.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: String, other: &Self) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
