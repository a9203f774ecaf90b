//! A slip in an option of the service.
use wherever::{RpcError, rpc_service};

#[rpc_service(nmae = "a")]
trait Store {
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
