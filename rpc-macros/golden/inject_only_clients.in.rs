//! Nothing can be missing.

#[derive(Inject)]
struct App {
    #[rpc_reference]
    store: UrlStoreClient,
}
