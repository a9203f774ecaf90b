//! A condition goes with everything of its trait.

#[rpc_service]
#[cfg(feature = "store")]
trait Store {
    async fn put(&self, code: String) -> Result<(), StoreError>;
}
