//! A generic method.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put<T: Send>(&self, code: T) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
