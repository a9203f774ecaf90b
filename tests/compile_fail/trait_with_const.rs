//! An associated constant.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    const LIMIT: usize;
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
