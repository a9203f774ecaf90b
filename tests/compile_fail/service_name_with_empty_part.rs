//! A name with nothing between its dots.
use wherever::{RpcError, rpc_service};

#[rpc_service(name = "goto..Store")]
trait Store {
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
