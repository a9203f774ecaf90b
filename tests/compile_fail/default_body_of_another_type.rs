//! A default body whose type is not that of the method.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    async fn value(&self, code: u64) -> Result<u64, RpcError> {
        code
    }

    async fn early(&self, code: u64) -> Result<u64, RpcError> {
        if code == 0 {
            return 5;
        }
        Ok(code)
    }

    async fn nothing(&self, code: u64) -> Result<u64, RpcError> {
        let _ = code;
    }
}

fn main() {}
