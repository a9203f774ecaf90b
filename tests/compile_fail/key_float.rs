//! A float in a key.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn get(&self, weight: f64) -> Result<(), RpcError>;
    async fn more(&self, #[key] code: &str, #[key] at: Vec<Option<f32>>) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
