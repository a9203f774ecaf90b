//! The whole of it: a documented public trait with each kind of method.

/// Short addresses.
#[rpc_service(name = "goto.UrlStore", group = "urls")]
pub trait UrlStore {
    /// Stores an address.
    async fn put(&self, code: String, url: Url) -> Result<(), StoreError>;
    #[rpc(read)]
    async fn get(&self, code: &str) -> Result<Option<Url>, StoreError>;
    #[rpc(all)]
    async fn count(&self) -> Result<u64, StoreError>;
}
