//! A generic provider.
use wherever::{RpcError, rpc_provider, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

struct Stored<T>(T);

#[rpc_provider]
impl<T: Send + Sync + 'static> Store for Stored<T> {
    async fn put(&self, _code: String) -> Result<(), RpcError> {
        Ok(())
    }
}

fn main() {
    let _client = StoreClient::local(Stored(1));
}
