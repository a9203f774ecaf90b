//! Options of a method on the trait.
use wherever::{RpcError, rpc_service};

#[rpc_service]
#[rpc(read)]
trait Store {
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
