//! A service whose calls may travel without names.

#[rpc_service(compact)]
pub trait UrlStore {
    async fn put(&self, code: &str, url: Url, tags: Option<&[String]>) -> Result<(), StoreError>;
    #[rpc(any)]
    async fn nothing(&self) -> Result<u64, RpcError>;
}
