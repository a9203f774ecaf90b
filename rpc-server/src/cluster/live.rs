//! A node's life in a cluster: incarnation after incarnation, until it leaves or is stopped.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rpc_core::RpcError;
use rpc_core::client::Wherever;
use rpc_core::clock::Clock;
use rpc_core::cluster::authority::{Authority as Machine, Timing};
use rpc_core::cluster::controller::Pace;
use rpc_core::cluster::hand_over::{Answer, Question};
use rpc_core::cluster::records::{Incarnation, META, NodeRecord, NodeState};
use rpc_core::coordinator::Coordinator;
use rpc_core::coordinator::mirror::Mirror;
use rpc_core::provider::{Here, Registry};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::beats::{self, Over};
use super::complaints::Complaints;
use super::holder::Holder;
use super::joined::{Joined, Routes};
use super::lead::Lead;
use super::membership::{self, JoinError};
use super::orders::Orders;
use super::picture::Reader;
use super::planted::{self, Planted};
use super::start::Start;
use super::steward::{Moves, Steward};

/// Longest wait for the coordinator while a node leaves, before its slots are handed over and after that: longer than it takes to notice that the node's
/// record is gone, and to write it anew, with the usual lease. Whoever waits for the node to end has better things to do.
const FAREWELL: Duration = Duration::from_secs(4);

/// Longest wait for one answer of it meanwhile: longer than usual, as a coordinator that is slow may still hold the node's authority, and short enough to ask
/// once more when an answer is lost.
const ANSWER: Duration = Duration::from_secs(2);

/// How often a leaving node looks whether its slots are gone, beside being told.
const LOOK: Duration = Duration::from_millis(50);

/// What a node brings into a live cluster.
#[derive(Clone)]
pub struct LiveSettings {
    /// Where membership and maps are kept.
    pub coordinator: Arc<dyn Coordinator>,
    /// The clock of authority and leases.
    pub clock: Arc<dyn Clock>,
    /// The node's share of the slots, relative to the others.
    pub weight: u32,
    /// Where it stands.
    pub zone: Option<String>,
    /// Leases and authority; the same on every node.
    pub timing: Timing,
    /// How fast the controller goes about what is not urgent.
    pub pace: Pace,
    /// Longest wait for a leaving node's slots to be moved away.
    pub hand_over_time: Duration,
    /// Random numbers: ids of clusters and incarnations.
    pub random: fn() -> u64,
    /// A mistake, in simulations that are to find it.
    #[doc(hidden)]
    pub planted: Option<Planted>,
}

/// How a node stands in its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It looks for the cluster, or waits to be registered.
    Joining,
    /// It is a member.
    Member,
    /// It was fenced, and joins again as a new incarnation: what it held is lost to it.
    Fenced,
    /// It will not be a member again: see why.
    Stopped(String),
    /// It has left.
    Left,
}

/// Why a node's part in its cluster ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node has stopped: {0}")]
pub struct Ended(pub String);

/// A node's part in a live cluster.
pub(crate) struct Live {
    pub(super) here: Arc<Here>,
    pub(super) wherever: Wherever,
    pub(super) settings: LiveSettings,
    address: String,
    status: watch::Sender<Status>,
    leaving: Notify,
    is_leaving: AtomicBool,
    started: Start,
    // What the present incarnation works with; held for a look or a change, never across an await.
    current: RwLock<Option<Current>>,
}

/// One incarnation's parts that are asked from outside.
#[derive(Clone)]
pub(super) struct Current {
    pub(super) joined: Arc<Joined>,
    pub(super) moves: Arc<Moves>,
    /// The lease of the node's record, and of its leadership if it leads.
    lease: Arc<AtomicU64>,
}

impl Live {
    pub(crate) fn new(here: Arc<Here>, wherever: Wherever, address: String, settings: LiveSettings) -> Arc<Self> {
        let (status, _) = watch::channel(Status::Joining);
        let (leaving, is_leaving) = (Notify::new(), AtomicBool::new(false));
        let (started, current) = (Start::default(), RwLock::default());
        Arc::new(Self { here, wherever, settings, address, status, leaving, is_leaving, started, current })
    }

    /// What kind of coordinator the cluster has.
    pub(crate) fn coordinator_kind(&self) -> &'static str {
        self.settings.coordinator.kind()
    }

    /// Notes that the node looks for its cluster from now on.
    pub(crate) fn note_start(&self) {
        self.started.note();
    }

    /// As [`Node::check_started`](crate::Node).
    pub(crate) fn check_started(&self) -> Result<(), RpcError> {
        self.started.check().map_err(|error| error.at_node(&self.here.id))
    }

    /// How the node stands.
    pub(crate) fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Waits until the node will not be a member again.
    pub(crate) async fn ended(&self) -> Status {
        let mut status = self.status.subscribe();
        let ended = status.wait_for(|status| matches!(status, Status::Stopped(_) | Status::Left)).await;
        ended.map_or(Status::Left, |status| status.clone())
    }

    /// Answers the target of a move from this node.
    pub(crate) async fn answer(&self, question: Question) -> Result<Answer, String> {
        let current = self.current().ok_or("this node is not a member of its cluster at the moment")?;
        if question.cluster != current.joined.cluster {
            return Err(format!(
                "this node belongs to cluster {}, not to {}",
                current.joined.cluster, question.cluster
            ));
        }
        current.moves.answer(question).await
    }

    /// Is a member, or tries to be, until the node leaves or is stopped. Dropping it ends the node at once, as a crash would.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            let over = tokio::select! {
                biased;
                over = self.incarnate() => over,
                () = self.leaving.notified() => {
                    self.retire();
                    self.status.send_replace(Status::Left);
                    return;
                }
            };
            self.retire();
            if self.is_leaving.load(Ordering::Acquire) {
                // Its own farewell ends it, in time: the fence may be that one's.
                self.leaving.notified().await;
                self.status.send_replace(Status::Left);
                return;
            }
            match over {
                Over::Fenced => {
                    tracing::error!(node = %self.here.id, "this node was fenced: it drops what it held and joins anew");
                    self.status.send_replace(Status::Fenced);
                    self.here.authority.renew();
                }
                Over::Stopped(why) => {
                    tracing::error!(node = %self.here.id, %why, "this node has stopped");
                    self.status.send_replace(Status::Stopped(why));
                    return;
                }
            }
        }
    }

    /// One incarnation, from joining to its end.
    async fn incarnate(self: &Arc<Self>) -> Over {
        match self.join().await {
            Ok((joined, lease, machine, mut tasks)) => {
                let moves = Arc::new(Moves::default());
                self.set_current(Some(Current { joined: joined.clone(), moves: moves.clone(), lease: lease.clone() }));
                let timing = planted::timing_to_lead(self.settings.planted, self.settings.timing);
                let lead = Lead { joined: joined.clone(), timing, pace: self.settings.pace, lease };
                let clock = self.settings.clock.clone();
                let (coordinator, here) = (self.settings.coordinator.clone(), self.here.clone());
                tasks.spawn(async move { beats::beat(coordinator, clock, machine, &here.authority).await });
                tasks.spawn(endless(lead.run()));
                tasks.spawn(endless(Steward::new(joined, moves).run()));
                self.status.send_replace(Status::Member);
                match tasks.join_next().await {
                    Some(Ok(over)) => over,
                    _ => Over::Stopped("a task of the node's own has panicked; its log has the message".to_owned()),
                }
            }
            Err(error) => Over::Stopped(error.to_string()),
        }
    }

    async fn join(self: &Arc<Self>) -> Result<(Arc<Joined>, Arc<AtomicU64>, Machine, JoinSet<Over>), JoinError> {
        let random = self.settings.random;
        let incarnation = Incarnation(random());
        let coordinator = self.settings.coordinator.clone();
        let fresh = format!("{:016x}{:016x}", random(), random());
        let found = membership::find(&*coordinator, &fresh).await?;
        let expected = self.wherever.set_cluster(&found.cluster);
        if expected != found.cluster {
            return Err(JoinError::Stranger { found: found.cluster, expected });
        }
        // Before anything is written for this incarnation: leases are named by small numbers, and another cluster's are named alike.
        coordinator.bind(&expected);
        let state = RwLock::new(NodeState::Serving);
        let record = self.record(incarnation, NodeState::Serving);
        let ttl = self.settings.timing.lease();
        let granted = membership::register(&*coordinator, &record, ttl).await?;
        let lease = Arc::new(AtomicU64::new(granted));

        let mirror = Mirror::spawn(coordinator.clone(), self.settings.clock.clone());
        let listed = mirror.listed().await.map_err(JoinError::Refused)?;
        let meta = membership::recognise(listed.entries.get(META).map(|entry| &**entry), &found.cluster)?;
        let (reader, pictures) = Reader::new(mirror.clone(), self.settings.clock.clone());
        let holders = self.groups().into_iter().map(|name| self.holder(incarnation, &name)).collect();
        let joined = Arc::new(Joined {
            me: self.here.id.clone(),
            incarnation,
            cluster: found.cluster,
            coordinator: coordinator.clone(),
            clock: self.settings.clock.clone(),
            mirror,
            pictures,
            wherever: self.wherever.clone(),
            holders,
            routes: Mutex::new(Routes::of(self.here.id.clone(), self.address.clone())),
            look: Notify::new(),
            state,
            orders: Orders::default(),
            complaints: Complaints::default(),
            planted: self.settings.planted,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { Over::Stopped(reader.run().await.to_string()) });
        tasks.spawn(self.clone().keep(joined.clone(), granted, lease.clone(), ttl));
        let machine = Machine::new(self.settings.timing, self.here.id.clone(), incarnation, &expected, meta);
        Ok((joined, lease, machine, tasks))
    }

    async fn keep(self: Arc<Self>, joined: Arc<Joined>, granted: u64, lease: Arc<AtomicU64>, ttl: Duration) -> Over {
        let record = || {
            let state = *joined.state.read().unwrap_or_else(PoisonError::into_inner);
            self.record(joined.incarnation, state)
        };
        let error = membership::keep(joined.coordinator.clone(), record, granted, &lease, ttl).await;
        Over::Stopped(error.to_string())
    }

    fn record(&self, incarnation: Incarnation, state: NodeState) -> NodeRecord {
        NodeRecord {
            id: self.here.id.clone(),
            incarnation,
            address: self.address.clone(),
            weight: self.settings.weight,
            zone: self.settings.zone.clone(),
            build: String::new(),
            groups: self.groups().into_iter().collect(),
            state,
        }
    }

    /// The groups whose services this node provides.
    fn groups(&self) -> BTreeSet<String> {
        let services = self.here.registry().into_iter().flat_map(Registry::services);
        services.map(|service| service.group.to_owned()).collect()
    }

    fn holder(&self, incarnation: Incarnation, name: &str) -> Arc<Holder> {
        let states = self.here.states.of_group(name).into_iter().map(|state| (state.name, state.state)).collect();
        Arc::new(Holder::new(incarnation, self.here.groups.get(name), states))
    }

    /// Moves the node's slots away, as far as there is somebody to take them and time; then calls are answered with where to go.
    pub(crate) async fn hand_over(&self) {
        let Some(Current { joined, .. }) = self.current() else { return };
        *joined.state.write().unwrap_or_else(PoisonError::into_inner) = NodeState::Leaving;
        let record = self.record(joined.incarnation, NodeState::Leaving);
        if timeout(FAREWELL, membership::announce(joined.coordinator(), &record, ANSWER)).await.is_err() {
            tracing::warn!("nobody could be told that this node leaves: its slots go with it");
            return;
        }
        let mut pictures = joined.pictures();
        let gone = async {
            while joined.holders.iter().any(|holder| holder.served() > 0) && has_takers(&joined) {
                let _told_or_not = timeout(LOOK, pictures.changed()).await;
            }
        };
        if timeout(self.settings.hand_over_time, gone).await.is_err() {
            tracing::warn!("the time for handing over is up: some slots go with this node");
        }
    }

    /// The node is done: nothing of its own runs any more. It says so, so that nobody has to wait for its authority to end.
    pub(crate) async fn leave(&self) {
        self.is_leaving.store(true, Ordering::Release);
        self.here.authority.end();
        if let Some(Current { joined, lease, .. }) = self.current() {
            let told = timeout(FAREWELL, async {
                let Joined { me, incarnation, cluster, .. } = &*joined;
                membership::leave(joined.coordinator(), me, *incarnation, cluster, ANSWER).await?;
                // With the lease goes the leadership: nobody has to wait for it to end before another node plans.
                joined.coordinator().revoke(lease.load(Ordering::Acquire)).await
            });
            let told = told.await;
            if !matches!(told, Ok(Ok(()))) {
                tracing::warn!("nobody could be told that this node has left: its lease has to end");
            }
        }
        self.leaving.notify_one();
    }

    /// Ends what this incarnation holds.
    fn retire(&self) {
        self.here.authority.end();
        if let Some(current) = self.set_current(None) {
            current.joined.orders.close();
            current.joined.holders.iter().for_each(|holder| holder.drop_all());
        }
    }

    pub(super) fn current(&self) -> Option<Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_current(&self, next: Option<Current>) -> Option<Current> {
        std::mem::replace(&mut *self.current.write().unwrap_or_else(PoisonError::into_inner), next)
    }
}

/// Whether another node could take this node's slots.
fn has_takers(joined: &Joined) -> bool {
    let picture = joined.picture();
    joined.holders.iter().any(|holder| {
        let is_taker = |node: &NodeRecord| {
            let is_of_group = node.groups.iter().any(|group| group == holder.group().name());
            node.id != joined.me && is_of_group && picture.weight(node) > 0
        };
        holder.served() > 0 && picture.nodes().values().any(|seen| is_taker(&seen.record))
    })
}

/// A task that ends only with its incarnation.
async fn endless(task: impl Future<Output = ()>) -> Over {
    task.await;
    Over::Stopped("a task of the node's own has ended".to_owned())
}
