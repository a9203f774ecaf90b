//! A balancing policy that there is not.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    #[rpc(any(robin_round))]
    async fn get(&self, code: &str) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
