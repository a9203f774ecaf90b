//! `&[T]` is read as a `Vec<T>`.

#[rpc_service]
trait Store {
    async fn put(&self, bytes: &[u8]) -> Result<(), StoreError>;
}
