//! A renamed dependency.

#[rpc_service(crate = "crate::vendor::wherever")]
trait Store {
    async fn put(&self, code: String) -> Result<(), StoreError>;
}
