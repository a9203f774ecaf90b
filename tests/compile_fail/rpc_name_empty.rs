//! A name that is none.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    #[rpc(name = "")]
    async fn get(&self, code: &str) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
