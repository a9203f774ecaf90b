//! A key where none can be.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    #[key]
    async fn get(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
