//! Borrowed texts in a Vec.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, codes: Vec<&str>) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
