//! A text of the operating system.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: &std::ffi::OsStr) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
