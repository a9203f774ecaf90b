//! Any JSON in a service whose values travel without names.
use wherever::{RpcError, rpc_service};

#[rpc_service(compact)]
trait Store {
    async fn put(&self, code: String, value: serde_json::Value) -> Result<(), RpcError>;
    async fn all(&self, code: String) -> Result<Vec<Box<serde_json::value::RawValue>>, RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
