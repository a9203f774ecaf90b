//! Fields of an argument are the key.

#[rpc_service]
trait Store {
    async fn put(&self, #[key(fields(year, day))] when: Day, #[key(fields(0))] pair: &Pair) -> Result<(), StoreError>;
}
