//! A generic trait.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store<T> {
    async fn put(&self, code: T) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
