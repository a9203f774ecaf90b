//! A crate that is no path.
use wherever::{RpcError, rpc_service};

#[rpc_service(crate = "where ever")]
trait Store {
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
