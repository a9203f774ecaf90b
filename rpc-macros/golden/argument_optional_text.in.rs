//! `Option<&str>` is read as optional text.

#[rpc_service]
trait Store {
    async fn put(&self, code: Option<&str>) -> Result<(), StoreError>;
}
