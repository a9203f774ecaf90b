//! Every mistake of a trait is told at once, and no more than that.
use wherever::{RpcError, rpc_provider, rpc_service};

#[rpc_service(nmae = "Store")]
trait Store {
    fn put(&self, code: String) -> Result<(), RpcError>;
    async fn get(&mut self, codes: Vec<&str>) -> String;
    #[rpc(raed)]
    async fn count(&self) -> Result<u64, RpcError>;
    async fn fine(&self, code: &str) -> Result<u64, RpcError>;
}

struct Stored;

#[rpc_provider(given)]
impl Store for Stored {
    fn put(&self, _code: String) -> Result<(), RpcError> {
        Ok(())
    }
    async fn get(&mut self, _codes: Vec<&str>) -> String {
        String::new()
    }
    async fn count(&self) -> Result<u64, RpcError> {
        Ok(0)
    }
    async fn fine(&self, _code: &str) -> Result<u64, RpcError> {
        Ok(0)
    }
}

async fn used(client: &StoreClient) -> Result<u64, RpcError> {
    client.fine("a").await
}

fn main() {
    let client = StoreClient::local(Stored);
    let _used = used(&client);
}
