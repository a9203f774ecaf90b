//! A condition goes with everything of its method.

#[rpc_service]
trait Store {
    #[cfg(feature = "put")]
    async fn put(&self, code: String) -> Result<(), StoreError>;
    #[cfg(unix)]
    #[rpc(any)]
    async fn sync(&self) -> Result<(), StoreError>;
}
