//! A name that is no text.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    #[rpc(name = get)]
    async fn get(&self, code: &str) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
