//! An argument that a stream would outlive.
use wherever::{RpcError, Stream, rpc_service};

#[rpc_service]
trait Store {
    async fn watch(&self, key: &str) -> Result<impl Stream<Item = Result<u64, RpcError>> + Send, RpcError>;
}

fn main() {}
