//! `Option<&T>` is read as an `Option<T>`.

#[rpc_service]
trait Store {
    async fn put(&self, url: Option<&Url>) -> Result<(), StoreError>;
}
