//! A stream where there may be none.
use wherever::{RpcError, Stream, rpc_service};

#[rpc_service]
trait Store {
    async fn watch(&self, key: String) -> Result<Option<impl Stream<Item = Result<u64, RpcError>> + Send>, RpcError>;
}

fn main() {}
