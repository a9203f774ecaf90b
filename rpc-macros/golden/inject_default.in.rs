//! A field of the struct's own is made by `Default`.

#[derive(Inject)]
struct Shortener {
    #[rpc_reference]
    store: UrlStoreClient,
    config: Config,
    #[inject(default)]
    cache: Mutex<HashMap<String, Url>>,
}
