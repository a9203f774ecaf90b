//! A provider whose future cannot be sent.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, code: String) -> Result<(), RpcError>;
}

struct Stored;

impl Store for Stored {
    async fn put(&self, _code: String) -> Result<(), RpcError> {
        let local = std::rc::Rc::new(1);
        std::future::ready(()).await;
        drop(local);
        Ok(())
    }
}

fn main() {
    let _client = StoreClient::local(Stored);
}
