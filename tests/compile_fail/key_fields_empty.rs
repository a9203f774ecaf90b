//! A key made of nothing.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn get(&self, #[key(fields())] code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
