//! Any node.

#[rpc_service]
trait Store {
    #[rpc(any)]
    async fn here_first(&self) -> Result<(), StoreError>;
    #[rpc(any(round_robin))]
    async fn in_turn(&self) -> Result<(), StoreError>;
}
