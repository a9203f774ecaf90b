//! A provider that no node can build.
use wherever::{RpcError, rpc_provider, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

struct Stored;

#[rpc_provider]
impl Store for Stored {
    async fn put(&self, _code: String) -> Result<(), RpcError> {
        Ok(())
    }
}

fn main() {
    let _client = StoreClient::local(Stored);
}
