//! Nothing says where it runs.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn count(&self) -> Result<u64, RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
