//! An associated type.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    type Code;
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
