//! A slip in a key.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn get(&self, #[key(field(year))] code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
