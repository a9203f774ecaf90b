//! A condition on Self.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: String) -> Result<(), RpcError>
    where
        Self: Sized;
}

fn main() {
    let _new = StoreClient::new;
}
