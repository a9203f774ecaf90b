//! A stream as an argument.
use wherever::{RpcError, Stream, rpc_service};

#[rpc_service]
trait Store {
    async fn send(&self, key: String, items: impl Stream<Item = u64> + Send) -> Result<(), RpcError>;
}

fn main() {}
