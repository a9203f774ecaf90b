//! An argument that comes and goes.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: String, #[cfg(unix)] mode: u32) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
