//! A reply of all nodes that cannot be merged.
use wherever::{RpcError, rpc_service};

#[derive(serde::Serialize, serde::Deserialize)]
struct Part;

#[rpc_service]
trait Store {
    #[rpc(all)]
    async fn all(&self) -> Result<Part, RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
