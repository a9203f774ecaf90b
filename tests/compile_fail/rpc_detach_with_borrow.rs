//! A borrow that outlives its caller.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    #[rpc(detach)]
    async fn put(&self, code: &str, more: Option<&str>, cow: std::borrow::Cow<'_, str>) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
