//! A type that cannot be sent.
use wherever::{RpcError, rpc_service};

struct Secret;

#[rpc_service]
trait Store {
    async fn put(&self, code: String, secret: Secret) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
