//! A stream that nobody could stop.
use wherever::{RpcError, Stream, rpc_service};

#[rpc_service]
trait Store {
    #[rpc(detach)]
    async fn watch(&self, key: String) -> Result<impl Stream<Item = Result<u64, RpcError>> + Send, RpcError>;
}

fn main() {}
