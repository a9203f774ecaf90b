//! A reply of any type.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn get(&self, code: &str) -> Result<impl Send, RpcError>;
    async fn all(&self, code: &str) -> impl Send;
}

fn main() {
    let _new = StoreClient::new;
}
