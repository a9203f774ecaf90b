//! A word that takes no value.
use wherever::{RpcError, rpc_service};

#[rpc_service(compact = true)]
trait Store {
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
