//! A borrowed text in a tuple.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put(&self, pair: (&str, u8)) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
