//! An unsafe method.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async unsafe fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
