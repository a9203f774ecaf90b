//! Every argument, and one more time this one.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    #[rpc(key = all)]
    async fn get(&self, #[key] code: &str) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
