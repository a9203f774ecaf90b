//! A method that uses its provider up.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
