//! A slice of borrowed texts.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, codes: &[&str]) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
