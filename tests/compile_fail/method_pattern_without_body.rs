//! Patterns without a body.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, (a, b): (u8, u8), _: u8) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
