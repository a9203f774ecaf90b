//! Two arguments of one name on the wire.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: String, _code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
