//! A trait object.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: String, value: &dyn std::fmt::Debug, other: Box<dyn Send>) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
