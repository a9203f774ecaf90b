//! A provider that is given to the node.

#[rpc_provider(given, crate = "elsewhere")]
impl UrlStore for Urls<Disk> {
    async fn get(&self, code: &str) -> Result<Option<Url>, StoreError> {
        Ok(None)
    }
}
