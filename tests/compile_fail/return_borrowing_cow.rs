//! A reply that may borrow.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn get<'a>(&'a self, code: &str) -> Result<std::borrow::Cow<'a, str>, RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
