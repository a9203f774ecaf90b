//! Mistakes that leave no trait the client could implement.

#[rpc_service]
trait Store<T> {
    type Code;
    async fn put(&self, code: T) -> Result<(), StoreError>;
}
