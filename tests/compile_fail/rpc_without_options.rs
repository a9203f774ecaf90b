//! Nothing in the attribute.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    #[rpc]
    async fn get(&self, code: &str) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
