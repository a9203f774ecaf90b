//! A borrow of a borrow.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: &&str) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
