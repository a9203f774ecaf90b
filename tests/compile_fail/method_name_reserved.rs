//! A name that belongs to the generated code.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn __wherever_put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
