//! All nodes: the replies are merged.

#[rpc_service]
trait Store {
    #[rpc(all)]
    async fn whole(&self) -> Result<Vec<Url>, StoreError>;
    #[rpc(all(partial))]
    async fn partial(&self, prefix: &str) -> Alias<u64>;
}
