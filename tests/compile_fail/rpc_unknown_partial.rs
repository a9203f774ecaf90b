//! A slip in what partial replies mean.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    #[rpc(all(partly))]
    async fn get(&self, code: &str) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
