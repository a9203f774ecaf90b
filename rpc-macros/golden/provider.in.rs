//! A provider that the node builds.

#[rpc_provider]
impl api::UrlStore for Urls {
    async fn get(&self, code: &str) -> Result<Option<Url>, StoreError> {
        Ok(None)
    }
}
