//! Something else in the parentheses.
use wherever::{RpcError, rpc_service};

#[rpc_service("Store")]
trait Store {
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
