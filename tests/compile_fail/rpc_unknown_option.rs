//! A slip in an option.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    #[rpc(raed)]
    async fn get(&self, code: &str) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
