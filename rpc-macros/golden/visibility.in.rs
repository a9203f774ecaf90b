//! The client and the shim are seen where the trait is.

#[rpc_service]
pub(in crate::inner) trait Store {
    async fn put(&self, code: String) -> Result<(), StoreError>;
}
