//! A stream that would have to do more.
use wherever::{RpcError, Stream, rpc_service};

#[rpc_service]
trait Store {
    async fn watch(&self, key: String) -> Result<impl Stream<Item = Result<u64, RpcError>> + Clone, RpcError>;
}

fn main() {}
