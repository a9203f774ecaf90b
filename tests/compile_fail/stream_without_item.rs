//! A stream of nobody knows what.
use wherever::{RpcError, Stream, rpc_service};

#[rpc_service]
trait Store {
    async fn watch(&self, key: String) -> Result<impl Stream + Send, RpcError>;
}

fn main() {}
