//! A read that must finish.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    #[rpc(read, detach)]
    async fn get(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
