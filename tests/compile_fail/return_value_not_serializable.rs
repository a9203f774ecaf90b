//! A value that cannot be sent back.
use wherever::{RpcError, rpc_service};

struct Secret;

#[rpc_service]
trait Store {
    async fn get(&self, code: &str) -> Result<Secret, RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
