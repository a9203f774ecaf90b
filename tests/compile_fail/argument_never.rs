//! An argument that cannot exist.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: String, never: !) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
