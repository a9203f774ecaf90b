//! A supertrait that is none.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store: 'static + ?Sized {
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
