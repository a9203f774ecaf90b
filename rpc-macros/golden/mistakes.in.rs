//! Mistakes: every message, the trait as it was, and a client to compile against.

#[rpc_service]
trait Store {
    fn put(&self, code: String) -> Result<(), StoreError>;
    async fn get(&mut self, codes: Vec<&str>) -> u64;
    async fn fine(&self, code: &str) -> Result<(), StoreError>;
}
