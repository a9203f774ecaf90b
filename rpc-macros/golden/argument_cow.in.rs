//! A `Cow` keeps its form; its lifetime is merged, or left to the compiler.

#[rpc_service]
trait Store {
    async fn put(&self, code: Cow<'_, str>, more: Cow<[u8]>) -> Result<(), StoreError>;
}
