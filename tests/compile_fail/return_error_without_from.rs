//! An error that cannot hold ours.
use wherever::rpc_service;

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Failed;

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("failed")
    }
}

#[rpc_service]
trait Store {
    async fn get(&self, code: &str) -> Result<String, Failed>;
}

fn main() {
    let _new = StoreClient::new;
}
