//! Patterns move into the body, plain names stand in for them.

#[rpc_service]
trait Store {
    async fn sum(&self, (a, b): (u64, u64), mut c: u64, _: u64) -> Result<u64, StoreError> {
        c += 1;
        Ok(a + b + c)
    }
}
