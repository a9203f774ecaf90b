//! Every argument is the key.

#[rpc_service]
trait Store {
    #[rpc(key = all)]
    async fn put(&self, code: &str, url: Url) -> Result<(), StoreError>;
}
