//! This node.

#[rpc_service]
trait Store {
    #[rpc(here)]
    async fn flush(&self) -> Result<(), StoreError>;
}
