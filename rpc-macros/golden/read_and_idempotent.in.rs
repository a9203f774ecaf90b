//! What may be sent again.

#[rpc_service]
trait Store {
    #[rpc(read)]
    async fn get(&self, code: &str) -> Result<(), StoreError>;
    #[rpc(idempotent)]
    async fn put(&self, code: &str) -> Result<(), StoreError>;
}
