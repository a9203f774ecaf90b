//! A field that there is not.
use wherever::{RpcError, rpc_service};

#[derive(serde::Serialize, serde::Deserialize)]
struct Day {
    year: u16,
}

#[rpc_service]
trait Store {
    async fn get(&self, #[key(fields(yaer))] day: Day) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
