//! A method that is not async.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
