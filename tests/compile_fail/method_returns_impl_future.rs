//! A future spelled out.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    fn put(&self, code: String) -> impl Future<Output = Result<(), RpcError>> + Send;
}

fn main() {
    let _new = StoreClient::new;
}
