//! A borrowed reply.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn get(&self, code: &str) -> Result<&str, RpcError>;
    async fn all(&self, code: &str) -> &str;
}

fn main() {
    let _new = StoreClient::new;
}
