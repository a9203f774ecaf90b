//! Items that borrow.
use wherever::{RpcError, Stream, rpc_service};

#[rpc_service]
trait Store {
    async fn watch(&self, key: String) -> Result<impl Stream<Item = Result<&str, RpcError>> + Send, RpcError>;
}

fn main() {}
