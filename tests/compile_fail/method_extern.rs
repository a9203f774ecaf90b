//! A method with a foreign calling convention.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async extern "C" fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
