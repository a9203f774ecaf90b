//! A cluster of nodes in one process, each on a port of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rpc_core::client::{ServiceClient, Wherever};
use rpc_core::slot::Slot;
use rpc_core::state::Slots;
use rpc_core::state::slots::{Key, Value};
use rpc_core::{NodeId, RpcError};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::cluster::Status;
use crate::node::{Node, NodeBuilder};

/// Longest wait for a cluster to get where a test wants it: a busy machine moves slots slowly.
const PATIENCE: Duration = Duration::from_secs(180);

type Configure = Arc<dyn Fn(NodeBuilder, &TestNode) -> NodeBuilder + Send + Sync>;

/// Starts clusters for tests; see [`Cluster::builder`].
#[must_use = "a builder does nothing before `start`"]
pub struct ClusterBuilder {
    weights: Vec<u32>,
    is_live: bool,
    configure: Vec<Configure>,
}

/// A node that is about to be built.
#[derive(Clone, Debug)]
pub struct TestNode {
    /// Its position in the cluster, from 0.
    pub index: usize,
    /// Its name.
    pub id: NodeId,
    /// Where it will answer.
    pub address: SocketAddr,
}

/// A node whose providers are being made: a [`TestNode`] that can give clients.
#[derive(Clone, Debug)]
pub struct ProvidingNode {
    node: TestNode,
    wherever: Wherever,
}

impl ProvidingNode {
    /// A client on this node, for a provider that calls on.
    pub fn client<C: ServiceClient>(&self) -> C {
        self.wherever.client()
    }

    /// A map on this node whose entries move with their slots, for a provider that keeps its data in one.
    #[track_caller]
    pub fn slots<K: Key, V: Value>(&self, name: &str) -> Slots<K, V> {
        self.wherever.slots(name)
    }
}

impl std::ops::Deref for ProvidingNode {
    type Target = TestNode;

    fn deref(&self) -> &TestNode {
        &self.node
    }
}

/// Nodes of one program, talking over real sockets. Dropping it cuts them all.
///
/// ```no_run
/// # async fn example<P: Send + Sync + 'static>(provider: fn() -> P) {
/// # use rpc_server::testing::Cluster;
/// let cluster = Cluster::builder(3).provide_with(move |_node| provider()).start().await;
/// # }
/// ```
pub struct Cluster {
    nodes: Vec<Running>,
    configure: Vec<Configure>,
}

struct Running {
    node: Node,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Cluster {
    /// A cluster of `size` equal nodes that provide only what they are given.
    pub fn builder(size: usize) -> ClusterBuilder {
        ClusterBuilder {
            weights: vec![1; size],
            is_live: false,
            configure: vec![Arc::new(|builder, _| builder.only_given())],
        }
    }

    /// The nodes, in order.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().map(|running| &running.node)
    }

    /// The node at `index`.
    ///
    /// # Panics
    /// When there is none.
    pub fn node(&self, index: usize) -> &Node {
        &self.nodes[index].node
    }

    /// `http://host:port` of the node at `index`.
    ///
    /// # Panics
    /// When there is none.
    pub fn url(&self, index: usize) -> String {
        format!("http://{}", self.node(index).address())
    }

    /// A client on the node at `index`.
    ///
    /// # Panics
    /// When there is no such node.
    pub fn client<C: ServiceClient>(&self, index: usize) -> C {
        self.node(index).client()
    }

    /// The cluster as a program sees it that is no node.
    ///
    /// # Errors
    /// As [`Wherever::connect`].
    pub async fn connect(&self) -> Result<Wherever, RpcError> {
        Wherever::connect(self.nodes().map(Node::address)).await
    }

    /// Adds a node to a live cluster, and gives its index. It is a member when this returns; slots move to it from then on.
    ///
    /// # Panics
    /// When it cannot start, with the reason, or the cluster is a fixed one.
    pub async fn add(&mut self) -> usize {
        let seed = self.nodes[0].node.address().to_owned();
        assert!(self.nodes[0].node.live().is_some(), "a fixed cluster has the nodes that it has");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on loopback");
        let address = listener.local_addr().expect("a bound listener has an address");
        let index = self.nodes.len();
        let builder = Node::builder().join([seed]).advertise(address);
        self.nodes.push(run(configured(&self.configure, builder, index, address), listener));
        self.member(index).await;
        index
    }

    /// Waits until the node at `index` is a member of its live cluster, with the right to execute.
    ///
    /// # Panics
    /// When it stops instead.
    pub async fn member(&self, index: usize) {
        let node = self.node(index);
        self.until(|| {
            assert!(!matches!(node.status(), Status::Stopped(_)), "node {index}: {:?}", node.status());
            node.status() == Status::Member && node.here().authority.holds()
        })
        .await;
    }

    /// Waits until every slot of `group` is served by one of `owners`, by equal shares, as each node that answers sees it.
    pub async fn settled(&self, group: &str, owners: &[usize]) {
        let share = usize::from(Slot::COUNT) / owners.len();
        let settled = self.until(|| {
            let alive = self.nodes.iter().filter(|running| !running.serving.is_finished());
            alive.map(|running| running.node.view()).all(|view| {
                let Some(map) = view.groups.get(group) else { return true };
                let quiet = view.live.is_none_or(|live| live.unsettled.is_empty() && live.moves.is_empty());
                let held = |index: &usize| map.slots_of(self.node(*index).id()) as usize;
                let is_fair = |count: usize| (share..=share + 1).contains(&count);
                quiet
                    && owners.iter().map(held).sum::<usize>() == usize::from(Slot::COUNT)
                    && owners.iter().map(held).all(is_fair)
            })
        });
        settled.await;
    }

    /// Waits until `is_so`, looking often.
    ///
    /// # Panics
    /// When it is not so within three minutes.
    pub async fn until(&self, mut is_so: impl FnMut() -> bool) {
        let waited = async {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, waited).await.is_err() {
            let live = self.nodes().map(|node| (node.id().to_string(), node.view().live));
            panic!(
                "what is waited for did not happen within {PATIENCE:?}; the nodes know: {:#?}",
                live.collect::<Vec<_>>()
            );
        }
    }

    /// Ends the node at `index` in good order: running calls finish, new ones are refused.
    ///
    /// # Panics
    /// When there is no such node.
    pub async fn stop(&mut self, index: usize) {
        let running = &mut self.nodes[index];
        // Both only fail when the node has ended already.
        if let Some(stop) = running.stop.take() {
            let _ended_already = stop.send(());
        }
        drop((&mut running.serving).await);
    }

    /// Cuts the node at `index` off, as a crash would: its connections break and its port refuses.
    ///
    /// # Panics
    /// When there is no such node.
    pub async fn kill(&mut self, index: usize) {
        let serving = &mut self.nodes[index].serving;
        serving.abort();
        drop(serving.await);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.nodes.iter().for_each(|running| running.serving.abort());
    }
}

impl ClusterBuilder {
    /// Makes each node's provider; called once per node. Call this once for each service.
    pub fn provide_with<T, F>(self, make: F) -> Self
    where
        T: Send + Sync + 'static,
        F: Fn(&ProvidingNode) -> T + Send + Sync + 'static,
    {
        let make = Arc::new(make);
        self.configure(move |builder, node| {
            let (make, node) = (make.clone(), node.clone());
            builder.provide_with(move |wherever| make(&ProvidingNode { node, wherever: wherever.clone() }))
        })
    }

    /// Changes each node's builder.
    pub fn configure(mut self, change: impl Fn(NodeBuilder, &TestNode) -> NodeBuilder + Send + Sync + 'static) -> Self {
        self.configure.push(Arc::new(change));
        self
    }

    /// Gives the nodes these weights instead of equal ones; also sets their number.
    pub fn weights(mut self, weights: impl IntoIterator<Item = u32>) -> Self {
        self.weights = weights.into_iter().collect();
        self
    }

    /// Makes it a live cluster: the first node holds the coordinator in memory, the others join it, and slots move.
    pub fn live(mut self) -> Self {
        self.is_live = true;
        self
    }

    /// Sends every call over the network, also those that could stay on their node.
    pub fn force_remote(self) -> Self {
        self.configure(|builder, _| builder.force_remote())
    }

    /// Runs every `read` and `idempotent` method twice.
    pub fn run_twice(self) -> Self {
        self.configure(|builder, _| builder.run_twice())
    }

    /// Starts the nodes; they answer when this returns.
    ///
    /// # Panics
    /// When a port cannot be had or a node cannot start, with the reason.
    pub async fn start(self) -> Cluster {
        let mut listeners = Vec::new();
        for _ in &self.weights {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.expect("a free port on loopback"));
        }
        let address = |listener: &TcpListener| listener.local_addr().expect("a bound listener has an address");
        let list: Vec<(SocketAddr, u32)> = listeners.iter().map(address).zip(self.weights.iter().copied()).collect();
        let nodes = listeners.into_iter().enumerate().map(|(index, listener)| {
            let address = address(&listener);
            let builder = Node::builder().advertise(address);
            let builder = match (self.is_live, index) {
                (false, _) => builder.nodes(list.clone()),
                (true, 0) => builder.seed().weight(list[0].1),
                (true, _) => builder.join([list[0].0]).weight(list[index].1),
            };
            run(configured(&self.configure, builder, index, address), listener)
        });
        let cluster = Cluster { nodes: nodes.collect(), configure: self.configure };
        if self.is_live {
            for index in 0..cluster.nodes.len() {
                cluster.member(index).await;
            }
        }
        cluster
    }
}

fn configured(configure: &[Configure], builder: NodeBuilder, index: usize, address: SocketAddr) -> Node {
    let about = TestNode { index, id: NodeId::new(address.to_string()), address };
    let builder = configure.iter().fold(builder, |builder, change| change(builder, &about));
    builder.build().unwrap_or_else(|error| panic!("node {index}: {error}"))
}

fn run(node: Node, listener: TcpListener) -> Running {
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = node.clone();
    let shutdown = async move {
        // A dropped sender is a dropped cluster, which aborts this task anyway.
        drop(stopped.await);
    };
    let serving = tokio::spawn(async move {
        if let Err(error) = serving.serve_with_shutdown(listener, shutdown).await {
            tracing::error!(%error, "a test node ended");
        }
    });
    Running { node, stop: Some(stop), serving }
}
