//! A stream that cannot fail to begin.
use wherever::{RpcError, Stream, rpc_service};

#[rpc_service]
trait Store {
    async fn watch(&self, key: String) -> impl Stream<Item = Result<u64, RpcError>> + Send;
}

fn main() {}
