//! An option twice.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    #[rpc(read, read)]
    async fn get(&self, code: &str) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
