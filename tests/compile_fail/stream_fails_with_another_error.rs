//! Items that fail with another error than the method.
use std::fmt;

use serde::{Deserialize, Serialize};
use wherever::{RpcError, Stream, rpc_service};

#[derive(Debug, Serialize, Deserialize)]
struct StoreError(String);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<RpcError> for StoreError {
    fn from(error: RpcError) -> Self {
        Self(error.to_string())
    }
}

#[rpc_service]
trait Store {
    async fn watch(&self, key: String) -> Result<impl Stream<Item = Result<u64, StoreError>> + Send, RpcError>;
}

fn main() {}
