//! An argument to be changed in place.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: &mut String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
