//! A method that wants its provider in an Arc.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(self: std::sync::Arc<Self>, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
