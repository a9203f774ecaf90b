//! A set without order in a key.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn get(&self, codes: std::collections::HashSet<String>) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
