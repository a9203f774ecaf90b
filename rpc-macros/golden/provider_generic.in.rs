//! A generic provider is refused, and stays.

#[rpc_provider]
impl<T> UrlStore for Urls<T> {}
