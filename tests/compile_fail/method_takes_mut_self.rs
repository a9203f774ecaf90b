//! A method that wants its provider for itself.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&mut self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
