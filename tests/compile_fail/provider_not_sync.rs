//! A provider that threads cannot share.
use std::cell::Cell;
use wherever::{Inject, RpcError, rpc_provider, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

#[derive(Inject)]
struct Stored {
    #[inject(default)]
    count: Cell<u64>,
}

#[rpc_provider]
impl Store for Stored {
    async fn put(&self, _code: String) -> Result<(), RpcError> {
        self.count.set(self.count.get() + 1);
        Ok(())
    }
}

fn main() {
    let _new = StoreClient::new;
}
