//! Counters and lists, kept by the slots of their keys: they go along when a slot moves.

use wherever::{Inject, RpcError, Slots, rpc_provider, rpc_service};

/// Counters and lists by key.
#[rpc_service]
pub(crate) trait Counter {
    /// Counts one up; returns the new value.
    async fn incr(&self, key: &str) -> Result<u64, RpcError>;

    /// The value, 0 for a new key.
    #[rpc(read)]
    async fn get(&self, key: &str) -> Result<u64, RpcError>;

    /// Adds an item to the end of a list; returns the list's new length.
    async fn append(&self, key: &str, item: String) -> Result<u64, RpcError>;

    /// The list.
    #[rpc(read)]
    async fn read(&self, key: &str) -> Result<Vec<String>, RpcError>;
}

/// What one node holds of them.
#[derive(Inject)]
pub(crate) struct Counters {
    #[rpc_state]
    values: Slots<String, u64>,
    #[rpc_state]
    lists: Slots<String, Vec<String>>,
}

#[rpc_provider]
impl Counter for Counters {
    async fn incr(&self, key: &str) -> Result<u64, RpcError> {
        self.values.update(&key.to_owned(), 0, |value| {
            *value += 1;
            *value
        })
    }

    async fn get(&self, key: &str) -> Result<u64, RpcError> {
        Ok(self.values.get(&key.to_owned())?.unwrap_or_default())
    }

    async fn append(&self, key: &str, item: String) -> Result<u64, RpcError> {
        self.lists.update(&key.to_owned(), Vec::new(), |list| {
            list.push(item);
            list.len() as u64
        })
    }

    async fn read(&self, key: &str) -> Result<Vec<String>, RpcError> {
        Ok(self.lists.get(&key.to_owned())?.unwrap_or_default())
    }
}
