//! Looks at the cluster while the load runs: where each slot was, and what the nodes say was lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::Client;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};
use wherever::view::ClusterView;
use wherever::{NodeId, Slot};

/// The group of the counters.
const GROUP: &str = "default";

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Longest wait for one node.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was seen of one slot.
#[derive(Clone, Default)]
struct Seen {
    first: u64,
    last: u64,
    owners: BTreeSet<NodeId>,
}

/// What was seen.
#[derive(Default)]
pub(crate) struct Sampled {
    slots: BTreeMap<u16, Seen>,
    /// The slots whose state was lost, by the node that tells so and the node that died with it.
    losses: BTreeMap<(NodeId, NodeId), u32>,
}

impl Sampled {
    /// How often a slot went from one node to another, all slots taken together.
    pub(crate) fn moved(&self) -> u64 {
        self.slots.values().map(|seen| seen.last - seen.first).sum()
    }

    pub(crate) fn has_moved(&self, slot: Slot) -> bool {
        self.slots.get(&slot.get()).is_some_and(|seen| seen.last > seen.first)
    }

    /// How many slots were declared lost.
    pub(crate) fn lost(&self) -> u64 {
        self.losses.values().map(|slots| u64::from(*slots)).sum()
    }

    /// How often this slot may have begun anew, because a node that owned it died and its state was declared lost.
    pub(crate) fn losses_of(&self, slot: Slot) -> usize {
        let Some(seen) = self.slots.get(&slot.get()) else { return 0 };
        let is_lost = self.losses.keys().any(|(_, dead)| seen.owners.contains(dead));
        if is_lost { usize::try_from(seen.last - seen.first).unwrap_or(usize::MAX) } else { 0 }
    }

    fn add(&mut self, view: &ClusterView) {
        let Some(group) = view.groups.get(GROUP) else { return };
        for run in &group.slots {
            let Some(owner) = group.nodes.get(run.node) else { continue };
            for slot in run.first.get()..=run.last.get() {
                let seen = self.slots.entry(slot).or_insert_with(|| Seen { first: run.epoch, ..Seen::default() });
                seen.last = seen.last.max(run.epoch);
                if !seen.owners.contains(&owner.id) {
                    seen.owners.insert(owner.id.clone());
                }
            }
        }
        let mut told: BTreeMap<NodeId, u32> = BTreeMap::new();
        for loss in view.live.iter().flat_map(|live| &live.losses).filter(|loss| loss.group == GROUP) {
            *told.entry(loss.node.clone()).or_default() += loss.slots;
        }
        for (dead, slots) in told {
            let known = self.losses.entry((view.node.clone(), dead)).or_default();
            *known = slots.max(*known);
        }
    }
}

/// Looks until it is told to stop.
pub(crate) struct Sampler {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Sampled>,
}

impl Sampler {
    /// Has looked once when it returns, so that every later move is seen.
    pub(crate) async fn start(nodes: &[String]) -> Self {
        let (stop, stopped) = oneshot::channel();
        let mut looks =
            Looks { client: Client::new(), nodes: nodes.iter().cloned().collect(), sampled: Sampled::default() };
        looks.look().await;
        let task = tokio::spawn(async move {
            tokio::pin!(stopped);
            while tokio::time::timeout(PAUSE, &mut stopped).await.is_err() {
                looks.look().await;
            }
            // Once more, for what was told last.
            looks.look().await;
            looks.sampled
        });
        Self { stop, task }
    }

    pub(crate) async fn stop(self) -> Result<Sampled, JoinError> {
        let _ended_already = self.stop.send(());
        self.task.await
    }
}

struct Looks {
    client: Client,
    nodes: BTreeSet<String>,
    sampled: Sampled,
}

impl Looks {
    /// Asks every node that was ever heard of, since each tells of its own losses; one that does not answer is asked again later.
    async fn look(&mut self) {
        let asked = self.nodes.iter().map(|node| view(self.client.clone(), node.clone()));
        for view in futures_util::future::join_all(asked).await.into_iter().flatten() {
            self.nodes.extend(view.live.iter().flat_map(|live| &live.nodes).map(|node| node.address.clone()));
            self.sampled.add(&view);
        }
    }
}

async fn view(client: Client, node: String) -> Option<ClusterView> {
    let base = if node.contains("://") { node } else { format!("http://{node}") };
    let answer = client.get(format!("{base}/wherever/cluster")).timeout(PATIENCE).send().await.ok()?;
    let view: ClusterView = serde_json::from_slice(&answer.bytes().await.ok()?).ok()?;
    view.check().is_ok().then_some(view)
}
