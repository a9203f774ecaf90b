//! A write that must finish owns what it needs.

#[rpc_service]
trait Store {
    #[rpc(detach, idempotent)]
    async fn put(&self, code: String) -> Result<(), StoreError>;
}
