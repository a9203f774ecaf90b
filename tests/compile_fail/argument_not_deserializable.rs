//! A type that can be sent but not received.
use wherever::{RpcError, rpc_service};

#[derive(serde::Serialize)]
struct Secret;

#[rpc_service]
trait Store {
    async fn put(&self, secret: Secret, more: &Secret) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
