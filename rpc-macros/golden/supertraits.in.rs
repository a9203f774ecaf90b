//! Supertraits stay.

#[rpc_service]
trait Store: Clone + Named {
    async fn put(&self, code: String) -> Result<(), StoreError>;
}
