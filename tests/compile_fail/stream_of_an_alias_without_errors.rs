//! Items that cannot be errors, by an alias.
use wherever::{RpcError, Stream, rpc_service};

type Change = (u64, String);

#[rpc_service]
trait Store {
    async fn watch(&self, key: String) -> Result<impl Stream<Item = Change> + Send, RpcError>;
}

fn main() {}
