//! A value where none belongs.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    #[rpc(here(now))]
    async fn get(&self, code: &str) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
