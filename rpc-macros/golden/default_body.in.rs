//! A default body becomes a future.

#[rpc_service]
trait Store {
    async fn twice(&self, number: u64) -> Result<u64, StoreError> {
        Ok(number * 2)
    }
}
