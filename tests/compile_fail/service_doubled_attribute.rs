//! The attribute, written twice.
use wherever::{RpcError, rpc_service};

#[rpc_service]
#[rpc_service(name = "store")]
trait Store {
    async fn get(&self, code: String) -> Result<u64, RpcError>;
}

fn main() {}
