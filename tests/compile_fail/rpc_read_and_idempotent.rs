//! Two promises where one says more.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    #[rpc(read, idempotent)]
    async fn get(&self, code: &str) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
