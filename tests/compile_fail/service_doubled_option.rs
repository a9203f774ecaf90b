//! An option of the service twice.
use wherever::{RpcError, rpc_service};

#[rpc_service(group = "a", group = "b")]
trait Store {
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
