//! A text that lives for ever.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: &'static str) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
