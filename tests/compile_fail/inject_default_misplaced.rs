//! Options of injection in the wrong place.
use wherever::{Inject, RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn get(&self, code: String) -> Result<u64, RpcError>;
}

#[derive(Inject)]
#[inject(default)]
struct Whole {
    number: u64,
}

#[derive(Inject)]
struct Shortener {
    #[rpc_reference]
    #[inject(default)]
    store: StoreClient,
    #[inject]
    bare: u64,
    #[inject(crate = "wherever")]
    elsewhere: u64,
    #[inject(defualt)]
    slip: u64,
}

fn main() {}
