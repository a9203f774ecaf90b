//! Options where none can be.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn get(&self, #[rpc(read)] code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
