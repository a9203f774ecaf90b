//! Marked arguments are the key, in order; no other is decoded for it.

#[rpc_service]
trait Store {
    async fn put(&self, url: Url, #[key] code: &str, #[key] day: u16) -> Result<(), StoreError>;
}
