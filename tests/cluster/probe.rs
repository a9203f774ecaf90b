//! A service with one method for each thing that can happen to a call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use wherever::testing::{Cluster, ClusterBuilder};
use wherever::{Context, PerNode, RpcError, rpc_service};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum ProbeError {
    #[error("refused with {code}")]
    Refused { code: i32 },
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) tags: Vec<Option<u8>>,
    pub(crate) nested: BTreeMap<String, (i64, bool)>,
}

#[rpc_service]
pub(crate) trait Probe {
    /// Answers its argument.
    #[rpc(read)]
    async fn item(&self, key: &str, item: Item) -> Result<Item, ProbeError>;
    async fn float(&self, key: &str, value: f64) -> Result<f64, ProbeError>;
    async fn wide(&self, key: u64, value: i128) -> Result<i128, ProbeError>;
    async fn nothing(&self, key: &str) -> Result<(), ProbeError>;
    async fn optional(&self, key: &str, text: Option<&str>) -> Result<Option<String>, ProbeError>;
    async fn bytes(&self, key: &str, bytes: &[u8]) -> Result<Vec<u8>, ProbeError>;
    async fn refuse(&self, key: &str, code: i32) -> Result<(), ProbeError>;
    async fn panics(&self, key: &str, late: bool) -> Result<(), ProbeError>;
    async fn panics_in_drop(&self, key: &str) -> Result<(), ProbeError>;
    async fn not_finite(&self, key: &str) -> Result<f64, ProbeError>;
    /// Waits until released, and counts whether it got to its end.
    async fn wait(&self, key: &str) -> Result<(), ProbeError>;
    /// Waits, `depth` calls further down.
    async fn wait_below(&self, key: &str, depth: u32) -> Result<(), ProbeError>;
    #[rpc(detach)]
    async fn wait_detached(&self, key: String) -> Result<(), ProbeError>;
    /// Calls itself `depth` times, through the cluster.
    async fn nest(&self, key: &str, depth: u32) -> Result<u32, ProbeError>;
    /// What is left of the deadline, in milliseconds, `depth` calls further down.
    async fn time_left(&self, key: &str, depth: u32) -> Result<u64, ProbeError>;
    /// What a call made by a detached one has left.
    #[rpc(detach)]
    async fn time_left_detached(&self, key: String) -> Result<u64, ProbeError>;
    #[rpc(read)]
    async fn place(&self, key: &str) -> Result<(String, u16, u64), ProbeError>;
    #[rpc(idempotent)]
    async fn count_up(&self, key: &str) -> Result<u64, ProbeError>;
    async fn count_once(&self, key: &str) -> Result<u64, ProbeError>;
    #[rpc(all, read)]
    async fn total(&self) -> Result<u64, ProbeError>;
    #[rpc(all(partial), read)]
    async fn who(&self, refusing: &str) -> Result<PerNode<String>, ProbeError>;
    #[rpc(all, read)]
    async fn strict_who(&self, refusing: &str) -> Result<PerNode<String>, ProbeError>;
    #[rpc(any)]
    async fn any(&self) -> Result<String, ProbeError>;
    #[rpc(any(round_robin), read)]
    async fn in_turn(&self) -> Result<String, ProbeError>;
    #[rpc(here)]
    async fn here(&self) -> Result<String, ProbeError>;
}

/// What the provider of every node of one test shares with the test.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) started: Notify,
    pub(crate) release: Notify,
    pub(crate) finished: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) ran: AtomicU64,
}

pub(crate) struct Provider {
    pub(crate) node: String,
    pub(crate) client: ProbeClient,
    pub(crate) watch: Arc<Watch>,
    counts: std::sync::Mutex<BTreeMap<String, u64>>,
}

pub(crate) fn provider(node: &str, client: ProbeClient, watch: &Arc<Watch>) -> Provider {
    Provider { node: node.to_owned(), client, watch: watch.clone(), counts: std::sync::Mutex::default() }
}

/// Nodes that all provide [`Probe`].
pub(crate) fn cluster(size: usize, watch: &Arc<Watch>) -> ClusterBuilder {
    let watch = watch.clone();
    Cluster::builder(size)
        .provide_with(move |node| ProbeClient::provider(provider(node.id.as_str(), node.client(), &watch)))
}

/// Counts a future that is dropped before its end.
struct Dropped<'a>(&'a Watch, bool);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        if !self.1 {
            self.0.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("in a destructor");
    }
}

impl Provider {
    async fn wait_for_release(&self) {
        let mut guard = Dropped(&self.watch, false);
        let released = self.watch.release.notified();
        self.watch.started.notify_one();
        released.await;
        guard.1 = true;
        self.watch.finished.fetch_add(1, Ordering::SeqCst);
    }

    fn count(&self, key: &str) -> u64 {
        let mut counts = self.counts.lock().unwrap();
        let count = counts.entry(key.to_owned()).or_default();
        *count += 1;
        *count
    }
}

impl Probe for Provider {
    async fn item(&self, _key: &str, item: Item) -> Result<Item, ProbeError> {
        Ok(item)
    }
    async fn float(&self, _key: &str, value: f64) -> Result<f64, ProbeError> {
        Ok(value)
    }
    async fn wide(&self, _key: u64, value: i128) -> Result<i128, ProbeError> {
        Ok(value)
    }
    async fn nothing(&self, _key: &str) -> Result<(), ProbeError> {
        self.watch.ran.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
    async fn optional(&self, _key: &str, text: Option<&str>) -> Result<Option<String>, ProbeError> {
        Ok(text.map(str::to_uppercase))
    }
    async fn bytes(&self, _key: &str, bytes: &[u8]) -> Result<Vec<u8>, ProbeError> {
        Ok(bytes.iter().rev().copied().collect())
    }
    async fn refuse(&self, _key: &str, code: i32) -> Result<(), ProbeError> {
        Err(ProbeError::Refused { code })
    }
    async fn panics(&self, _key: &str, late: bool) -> Result<(), ProbeError> {
        if late {
            tokio::task::yield_now().await;
        }
        std::panic::panic_any(17_u8);
    }
    async fn panics_in_drop(&self, _key: &str) -> Result<(), ProbeError> {
        let _bomb = PanicsInDrop;
        std::future::pending().await
    }
    async fn not_finite(&self, _key: &str) -> Result<f64, ProbeError> {
        Ok(f64::NAN)
    }
    async fn wait(&self, _key: &str) -> Result<(), ProbeError> {
        self.wait_for_release().await;
        Ok(())
    }
    async fn wait_below(&self, key: &str, depth: u32) -> Result<(), ProbeError> {
        match depth {
            0 => self.wait(key).await,
            _ => self.client.wait_below(&format!("{key}{depth}"), depth - 1).await,
        }
    }
    async fn wait_detached(&self, _key: String) -> Result<(), ProbeError> {
        self.wait_for_release().await;
        Ok(())
    }
    async fn nest(&self, key: &str, depth: u32) -> Result<u32, ProbeError> {
        match depth {
            0 => Ok(0),
            // Another key each time, so that the chain wanders over the nodes.
            _ => Ok(1 + self.client.nest(&format!("{key}{depth}"), depth - 1).await?),
        }
    }
    async fn time_left(&self, key: &str, depth: u32) -> Result<u64, ProbeError> {
        match depth {
            0 => {
                let context = Context::current().expect("a provider has a context");
                Ok(u64::try_from(context.deadline().remaining().as_millis()).unwrap())
            }
            _ => self.client.time_left(&format!("{key}{depth}"), depth - 1).await,
        }
    }
    async fn time_left_detached(&self, key: String) -> Result<u64, ProbeError> {
        self.client.time_left(&key, 0).await
    }
    async fn place(&self, _key: &str) -> Result<(String, u16, u64), ProbeError> {
        let context = Context::current().expect("a provider has a context");
        let node = context.node().expect("a provider of a node").to_string();
        Ok((node, context.slot().expect("keyed").get(), context.epoch()))
    }
    async fn count_up(&self, key: &str) -> Result<u64, ProbeError> {
        Ok(self.count(key))
    }
    async fn count_once(&self, key: &str) -> Result<u64, ProbeError> {
        Ok(self.count(key))
    }
    async fn total(&self) -> Result<u64, ProbeError> {
        Ok(1)
    }
    async fn who(&self, refusing: &str) -> Result<PerNode<String>, ProbeError> {
        if refusing == self.node {
            return Err(ProbeError::Refused { code: 1 });
        }
        Ok(PerNode::here(self.node.clone()))
    }
    async fn strict_who(&self, refusing: &str) -> Result<PerNode<String>, ProbeError> {
        self.who(refusing).await
    }
    async fn any(&self) -> Result<String, ProbeError> {
        Ok(self.node.clone())
    }
    async fn in_turn(&self) -> Result<String, ProbeError> {
        Ok(self.node.clone())
    }
    async fn here(&self) -> Result<String, ProbeError> {
        Ok(self.node.clone())
    }
}

/// Waits for a condition that other tasks bring about.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let reached = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reached).await.unwrap_or_else(|_| panic!("never: {what}"));
}
