//! Counters and lists, kept by the slots of their keys: they go along when a slot moves.

use wherever::{Inject, RpcError, Slots, rpc_provider, rpc_service};

use crate::trace::Trace;

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
    trace: Trace,
}

#[rpc_provider]
impl Counter for Counters {
    async fn incr(&self, key: &str) -> Result<u64, RpcError> {
        let count = |value: &mut u64| {
            *value += 1;
            *value
        };
        self.trace.note(|| self.values.update(&key.to_owned(), 0, count))
    }

    async fn get(&self, key: &str) -> Result<u64, RpcError> {
        Ok(self.trace.note(|| self.values.get(&key.to_owned()))?.unwrap_or_default())
    }

    async fn append(&self, key: &str, item: String) -> Result<u64, RpcError> {
        let push = |list: &mut Vec<String>| {
            list.push(item);
            list.len() as u64
        };
        self.trace.note(|| self.lists.update(&key.to_owned(), Vec::new(), push))
    }

    async fn read(&self, key: &str) -> Result<Vec<String>, RpcError> {
        Ok(self.trace.note(|| self.lists.get(&key.to_owned()))?.unwrap_or_default())
    }
}
