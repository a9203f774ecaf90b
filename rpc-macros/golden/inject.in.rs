//! Clients and values.

#[derive(Inject)]
pub struct Shortener {
    #[rpc_reference]
    store: UrlStoreClient,
    config: Config,
    #[cfg(unix)]
    r#type: u8,
}
