//! A trait with conditions.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store
where
    Self: Sized, {
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
