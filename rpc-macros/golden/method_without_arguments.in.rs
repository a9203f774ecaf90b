//! No arguments: nothing is decoded, written or hashed.

#[rpc_service]
trait Store {
    #[rpc(any)]
    async fn ping(&self) -> Result<(), StoreError>;
}
