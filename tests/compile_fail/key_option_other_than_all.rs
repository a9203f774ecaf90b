//! A key by name.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    #[rpc(key = code)]
    async fn get(&self, code: &str) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
