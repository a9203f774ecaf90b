//! A method generic over a number.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn put<const N: usize>(&self, code: [u8; N]) -> Result<(), RpcError>;
}

fn main() {
    let _new = StoreClient::new;
}
