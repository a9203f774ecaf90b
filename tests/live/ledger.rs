//! A service that shows when a call is lost or run twice, and what calls it without a pause.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::task::JoinHandle;
use tracing_subscriber::EnvFilter;
use wherever::testing::{Cluster, ClusterBuilder, ProvidingNode, TestNode};
use wherever::{Inject, NodeBuilder, RpcError, Slots, Wherever, rpc_provider, rpc_service};

#[rpc_service(name = "live.Ledger", compact)]
pub(crate) trait Ledger {
    /// Adds one, and says how many there are now: no two calls of one key are told the same.
    async fn add(&self, key: String) -> Result<u64, RpcError>;

    #[rpc(read)]
    async fn total(&self, key: String) -> Result<u64, RpcError>;

    /// Whether the call came in the compact codec.
    #[rpc(read)]
    async fn came_compact(&self, key: String, travels: Travels) -> Result<bool, RpcError>;

    /// How many keys there are, on all nodes together.
    #[rpc(read, all)]
    async fn keys(&self) -> Result<u64, RpcError>;
}

/// Becomes what it has travelled in: whether that has names for people to read.
#[derive(Default)]
pub(crate) struct Travels {
    readable: bool,
}

impl Serialize for Travels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.is_human_readable().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Travels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { readable: bool::deserialize(deserializer)? })
    }
}

#[derive(Inject)]
pub(crate) struct Book {
    #[rpc_state]
    totals: Slots<String, u64>,
}

impl Book {
    pub(crate) fn on(node: &ProvidingNode) -> Self {
        Self { totals: node.slots("Book.totals") }
    }

    pub(crate) fn within(wherever: &Wherever) -> Self {
        Self { totals: wherever.slots("Book.totals") }
    }
}

#[rpc_provider(given)]
impl Ledger for Book {
    async fn add(&self, key: String) -> Result<u64, RpcError> {
        tokio::task::yield_now().await;
        self.totals.update(&key, 0, |total| {
            *total += 1;
            *total
        })
    }

    async fn total(&self, key: String) -> Result<u64, RpcError> {
        Ok(self.totals.get(&key)?.unwrap_or(0))
    }

    async fn came_compact(&self, _key: String, travels: Travels) -> Result<bool, RpcError> {
        Ok(!travels.readable)
    }

    async fn keys(&self) -> Result<u64, RpcError> {
        let mut keys = 0;
        self.totals.each_owned(|_, _, _| keys += 1)?;
        Ok(keys)
    }
}

/// A live cluster of `size` nodes that keep ledgers.
pub(crate) fn live(size: usize) -> ClusterBuilder {
    // `RUST_LOG=rpc_server=debug` shows what happened; without it, nothing is written.
    let _is_set_already = tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).try_init();
    // A busy machine may take long to move many slots; what does not fit into the time would be lost with its node.
    let patient = |builder: NodeBuilder, _: &TestNode| builder.hand_over_time(Duration::from_secs(300));
    Cluster::builder(size).live().configure(patient).provide_with(Book::on)
}

/// Calls that go on all the time.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<Heard>>,
}

/// What callers were told.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The answers for each key.
    pub(crate) answers: BTreeMap<String, Vec<u64>>,
    pub(crate) failures: Vec<RpcError>,
    pub(crate) longest: Duration,
}

impl Load {
    /// Starts a worker on each client, with `keys` keys of its own.
    pub(crate) fn start(clients: Vec<LedgerClient>, keys: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let work = |(worker, client): (usize, LedgerClient)| tokio::spawn(work(stop.clone(), worker, client, keys));
        let workers = clients.into_iter().enumerate().map(work).collect();
        Self { stop, workers }
    }

    /// Ends the calls, and gives what they heard.
    pub(crate) async fn stop(self) -> Heard {
        self.stop.store(true, Ordering::Release);
        let mut all = Heard::default();
        for worker in self.workers {
            let heard = worker.await.unwrap();
            all.answers.extend(heard.answers);
            all.failures.extend(heard.failures);
            all.longest = all.longest.max(heard.longest);
        }
        all
    }
}

async fn work(stop: Arc<AtomicBool>, worker: usize, client: LedgerClient, keys: usize) -> Heard {
    let mut heard = Heard::default();
    for turn in 0.. {
        if stop.load(Ordering::Acquire) {
            break;
        }
        let key = format!("{worker}-{}", turn % keys);
        let started = Instant::now();
        match client.add(key.clone()).await {
            Ok(total) => heard.answers.entry(key).or_default().push(total),
            Err(error) => heard.failures.push(error),
        }
        heard.longest = heard.longest.max(started.elapsed());
    }
    heard
}

impl Heard {
    /// Every call succeeded, ran once, and is still there.
    pub(crate) async fn check(&self, client: &LedgerClient) {
        assert!(self.failures.is_empty(), "{} failures, the first: {}", self.failures.len(), self.failures[0]);
        assert!(!self.answers.is_empty());
        for (key, answers) in &self.answers {
            let told: HashSet<u64> = answers.iter().copied().collect();
            assert_eq!(told.len(), answers.len(), "{key}: an answer came twice");
            let count = answers.len() as u64;
            assert_eq!(answers.iter().max(), Some(&count), "{key}: a call was lost or ran twice");
            assert_eq!(client.total(key.clone()).await.unwrap(), count, "{key}");
        }
    }

    pub(crate) fn calls(&self) -> usize {
        self.answers.values().map(Vec::len).sum()
    }
}
