//! Owned arguments are moved when near and written when far.

#[rpc_service]
trait Store {
    async fn put(&self, code: String, url: Vec<Vec<Url>>) -> Result<(), StoreError>;
}
