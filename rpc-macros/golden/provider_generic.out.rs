//! A generic provider is refused, and stays.
impl<T> UrlStore for Urls<T> {}
::core::compile_error! {
    "a generic impl cannot register itself: which of its types would it be? Remove #[rpc_provider] and give each node a value: `Node::builder().provide(UrlStoreClient::provider(value))`"
}
