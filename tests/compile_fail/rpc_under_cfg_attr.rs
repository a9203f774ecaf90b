//! Options that come and go.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    #[cfg_attr(unix, rpc(read))]
    async fn get(&self, code: &str) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
