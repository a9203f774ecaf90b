//! A supertrait that no client has.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store: Copy {
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
