//! A key for a method that has none.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    #[rpc(any)]
    async fn get(&self, #[key] code: &str) -> Result<(), RpcError>;
    #[rpc(all, key = all)]
    async fn all(&self, code: &str) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
