//! `&str` is read as text and lent.

#[rpc_service]
trait Store {
    async fn put(&self, code: &str) -> Result<(), StoreError>;
}
