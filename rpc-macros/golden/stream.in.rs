//! A method that answers with a stream.

#[rpc_service]
trait Store {
    async fn watch(&self, key: String, after: u64) -> Result<impl Stream<Item = Result<Change, StoreError>>, StoreError>;
}
