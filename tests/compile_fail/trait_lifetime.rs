//! A trait with a lifetime.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store<'a> {
    async fn put(&self, code: &'a str) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
