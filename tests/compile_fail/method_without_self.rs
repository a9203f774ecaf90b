//! A static method.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
