//! Fields without names.

#[derive(Inject)]
struct Pair(#[rpc_reference] UrlStoreClient, Config);
