//! Options of other frameworks, and of no framework.
use wherever::{RpcError, rpc_service};

#[rpc_service]
trait Store {
    #[rpc(round_robin)]
    async fn any(&self) -> Result<u64, RpcError>;

    #[rpc(any = prefer_here)]
    async fn other(&self) -> Result<u64, RpcError>;

    #[rpc(readonly)]
    async fn get(&self, code: String) -> Result<u64, RpcError>;

    async fn put(&self, #[key(fields(user.id))] entry: (u64, u64)) -> Result<u64, RpcError>;
}

fn main() {}
