//! A stream of every node.
use wherever::{RpcError, Stream, rpc_service};

#[rpc_service]
trait Store {
    #[rpc(all)]
    async fn watch(&self) -> Result<impl Stream<Item = Result<u64, RpcError>> + Send, RpcError>;
}

fn main() {}
