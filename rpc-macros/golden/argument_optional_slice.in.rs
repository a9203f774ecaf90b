//! `Option<&[T]>` is read as an `Option<Vec<T>>`.

#[rpc_service]
trait Store {
    async fn put(&self, bytes: Option<&[u8]>) -> Result<(), StoreError>;
}
