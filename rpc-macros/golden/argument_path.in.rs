//! `&Path` is read as a `PathBuf`.

#[rpc_service]
trait Store {
    async fn put(&self, path: &Path, more: Option<&std::path::Path>) -> Result<(), StoreError>;
}
