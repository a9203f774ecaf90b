//! Items that cannot be errors.
use wherever::{RpcError, Stream, rpc_service};

#[rpc_service]
trait Store {
    async fn watch(&self, key: String) -> Result<impl Stream<Item = u64> + Send, RpcError>;
}

fn main() {}
