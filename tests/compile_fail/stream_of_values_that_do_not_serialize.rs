//! Items without serde.
use wherever::{RpcError, Stream, rpc_service};

struct Change;

#[rpc_service]
trait Store {
    async fn watch(&self, key: String) -> Result<impl Stream<Item = Result<Change, RpcError>> + Send, RpcError>;
}

fn main() {}
