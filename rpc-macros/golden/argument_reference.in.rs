//! `&T` is read as a `T` and lent.

#[rpc_service]
trait Store {
    async fn put(&self, url: &Url) -> Result<(), StoreError>;
}
