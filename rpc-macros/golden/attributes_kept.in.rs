//! Attributes stay on the trait and its methods.

#[rpc_service]
#[allow(clippy::all)]
trait Store {
    /// Documented.
    ///
    /// At length.
    #[deprecated]
    #[must_use]
    async fn put(&self, #[allow(unused)] code: String) -> Result<(), StoreError>;
}
