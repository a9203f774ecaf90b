//! Two places to run.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    #[rpc(any, all)]
    async fn get(&self, code: &str) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
