//! The provider as a reply.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn get(&self, code: &str) -> Result<Self, RpcError>
    where
        Self: Sized;
}

fn main() {
    let _new = StoreClient::new;
}
