//! Methods from a macro.
use wherever::{RpcError, rpc_service};

macro_rules! methods {
    () => {};
}

#[rpc_service]
trait Store {
    methods!();
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
