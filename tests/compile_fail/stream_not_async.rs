//! A method that streams, and is not async.
use wherever::{RpcError, Stream, rpc_service};

#[rpc_service]
trait Store {
    fn watch(&self, key: String) -> Result<impl Stream<Item = Result<u64, RpcError>> + Send, RpcError>;
}

fn main() {}
