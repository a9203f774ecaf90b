//! Two methods of one name.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn get(&self, code: String) -> Result<u64, RpcError>;

    async fn get(&self, number: u64) -> Result<u64, RpcError>;
}

fn main() {}
