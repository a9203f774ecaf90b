//! A slip in a provider's option.
use wherever::{RpcError, rpc_provider, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

struct Stored;

#[rpc_provider(givn)]
impl Store for Stored {
    async fn put(&self, _code: String) -> Result<(), RpcError> {
        Ok(())
    }
}

fn main() {
    let _client = StoreClient::local(Stored);
}
