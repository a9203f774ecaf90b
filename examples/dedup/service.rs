//! The filters of one node, and the service that makes them one set of filters for all.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use fastbloom::BloomFilter;
use serde::{Deserialize, Serialize};
use wherever::{RpcError, rpc_provider, rpc_service};

/// Items for which a filter is made; with more, it takes unknown ones for known more often.
const EXPECTED_ITEMS: usize = 10_000;
/// The share of unknown items that a full filter takes for known.
const FALSE_POSITIVES: f64 = 0.001;

/// "Have I seen this before?", by named Bloom filters. Each lives on the node that owns its name.
#[rpc_service]
pub(crate) trait Dedup {
    /// Adds items to a filter, which is made if there is none; says of each whether it was known.
    async fn set(&self, filter: &str, items: &[String]) -> Result<Vec<bool>, RpcError>;

    /// Says of each item whether it is known: "no" is certain, "yes" is wrong once in a thousand times.
    #[rpc(read)]
    async fn check(&self, filter: &str, items: &[String]) -> Result<Vec<bool>, RpcError>;

    /// Forgets a filter.
    #[rpc(idempotent)]
    async fn drop(&self, filter: &str) -> Result<(), RpcError>;

    /// The filters of all nodes, by name.
    #[rpc(all, read)]
    async fn list(&self) -> Result<BTreeMap<String, FilterInfo>, RpcError>;
}

/// One filter, as it is listed.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FilterInfo {
    /// How many items were new to it.
    pub items: u64,
    /// Its size, in bytes.
    pub bytes: usize,
}

/// The filters that live on this node.
#[derive(Default)]
pub(crate) struct Filters(Mutex<BTreeMap<String, Filter>>);

struct Filter {
    bloom: BloomFilter,
    items: u64,
}

// `given`: the value is handed to the builder rather than built by the node.
#[rpc_provider(given)]
impl Dedup for Filters {
    async fn set(&self, filter: &str, items: &[String]) -> Result<Vec<bool>, RpcError> {
        Ok(self.with(|filters| {
            let filter = filters.entry(filter.to_owned()).or_insert_with(Filter::new);
            items.iter().map(|item| filter.insert(item)).collect()
        }))
    }

    async fn check(&self, filter: &str, items: &[String]) -> Result<Vec<bool>, RpcError> {
        Ok(self.with(|filters| {
            let filter = filters.get(filter);
            items.iter().map(|item| filter.is_some_and(|filter| filter.bloom.contains(item))).collect()
        }))
    }

    async fn drop(&self, filter: &str) -> Result<(), RpcError> {
        self.with(|filters| filters.remove(filter));
        Ok(())
    }

    async fn list(&self) -> Result<BTreeMap<String, FilterInfo>, RpcError> {
        let info = |filter: &Filter| FilterInfo { items: filter.items, bytes: filter.bloom.num_bits() / 8 };
        Ok(self.with(|filters| filters.iter().map(|(name, filter)| (name.clone(), info(filter))).collect()))
    }
}

impl Filters {
    /// Never held across an await: a look-up takes less than a microsecond.
    fn with<T>(&self, body: impl FnOnce(&mut BTreeMap<String, Filter>) -> T) -> T {
        body(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Filter {
    fn new() -> Self {
        Self { bloom: BloomFilter::with_false_pos(FALSE_POSITIVES).expected_items(EXPECTED_ITEMS), items: 0 }
    }

    /// Adds an item; true if it was known.
    fn insert(&mut self, item: &str) -> bool {
        let known = self.bloom.insert(item);
        self.items += u64::from(!known);
        known
    }
}
