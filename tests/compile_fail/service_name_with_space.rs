//! A name for no wire.
use wherever::{RpcError, rpc_service};

#[rpc_service(name = "url store")]
trait Store {
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
