//! A supertrait that this client does not have.
use wherever::{RpcError, rpc_service};

trait Named {
    fn name(&self) -> String;
}

#[rpc_service]
trait Store: Named {
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
