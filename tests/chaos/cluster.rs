//! A live cluster of `counters` processes.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Client;
use rpc_core::cluster::view::{ClusterView, LiveView};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::process::Command;

use crate::load::Load;
use crate::programs::{Ended, Program, program};
use crate::trace;
use crate::until::in_time;

/// The group of the counters.
const GROUP: &str = "default";

/// Longest wait for one view.
const LOOK: Duration = Duration::from_secs(2);

/// Where the cluster's records are.
#[derive(Clone)]
pub(crate) enum Records {
    /// In the first node's memory.
    Memory,
    /// In the first node's folder.
    Folder,
    /// In the etcd at this endpoint.
    Etcd(String),
}

/// Where a node runs.
#[derive(Clone)]
pub(crate) struct Place {
    /// The address of its network interface.
    pub(crate) host: String,
    /// The network namespace, if it is not that of the tests.
    pub(crate) namespace: Option<String>,
}

impl Default for Place {
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), namespace: None }
    }
}

/// Processes, and what they have in common. They are killed when it is dropped.
pub(crate) struct Cluster {
    records: Records,
    folder: TempDir,
    nodes: Vec<Node>,
    client: Client,
}

/// One place for a process; it may have several, one after the other.
struct Node {
    place: Place,
    address: String,
    weight: u32,
    running: Option<Program>,
    /// How often the processes that ran here before have lost authority.
    lapses_before: usize,
}

impl Cluster {
    /// Starts a node of each weight, and waits until they have shared the slots.
    pub(crate) async fn start(records: Records, weights: &[u32]) -> Self {
        let places: Vec<(u32, Place)> = weights.iter().map(|weight| (*weight, Place::default())).collect();
        Self::start_at(records, &places).await
    }

    /// As [`start`](Self::start), with nodes at these places.
    pub(crate) async fn start_at(records: Records, places: &[(u32, Place)]) -> Self {
        let client = Client::builder().no_proxy().timeout(LOOK).build().expect("a client can be made");
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut cluster = Self { records, folder, nodes: Vec::new(), client };
        for (weight, place) in places {
            cluster.add_at(*weight, place.clone());
        }
        let all: Vec<usize> = (0..places.len()).collect();
        cluster.settled(&all).await;
        cluster
    }

    /// Starts one more node; gives its number.
    pub(crate) fn add(&mut self, weight: u32) -> usize {
        self.add_at(weight, Place::default())
    }

    fn add_at(&mut self, weight: u32, place: Place) -> usize {
        self.nodes.push(Node { address: free_address(&place.host), place, weight, running: None, lapses_before: 0 });
        self.restart(self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    /// Starts the fourth node, again if it was there before.
    pub(crate) fn visitor(&mut self, weight: u32) -> usize {
        match self.nodes.len() {
            3 => self.add(weight),
            _ => {
                self.restart(3);
                3
            }
        }
    }

    /// Starts a node that has ended, at the same place.
    pub(crate) fn restart(&mut self, node: usize) {
        let Node { place, address, weight, .. } = &self.nodes[node];
        let mut command = self.command(address, *weight, node == 0);
        if let Some(namespace) = &place.namespace {
            let inside = command.as_std();
            let mut outside = Command::new("ip");
            outside.args(["netns", "exec", namespace]).arg(inside.get_program()).args(inside.get_args());
            outside.env("RUST_LOG", "info");
            command = outside;
        }
        command.arg("--trace").arg(self.trace(node));
        let node = &mut self.nodes[node];
        node.lapses_before = node.lapses();
        node.running = Some(Program::start(&mut command));
    }

    /// The command that starts a node at `address`.
    pub(crate) fn command(&self, address: &str, weight: u32, is_first: bool) -> Command {
        let mut command = program("examples/counters");
        command.env("RUST_LOG", std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned()));
        command.args(["node", "--listen", address, "--weight", &weight.to_string()]);
        match &self.records {
            Records::Etcd(endpoint) => command.args(["--etcd", endpoint]),
            Records::Memory if is_first => command.arg("--seed"),
            Records::Folder if is_first => command.arg("--seed").arg(self.folder.path().join("records")),
            Records::Memory | Records::Folder => command.args(["--join", self.address(0)]),
        };
        command
    }

    fn trace(&self, node: usize) -> PathBuf {
        self.folder.path().join(format!("trace-{node}"))
    }

    pub(crate) fn address(&self, node: usize) -> &str {
        &self.nodes[node].address
    }

    pub(crate) fn size(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn node(&mut self, node: usize) -> &mut Program {
        self.nodes[node].running.as_mut().expect("it was started")
    }

    pub(crate) fn signal(&self, node: usize, signal: Signal) {
        self.nodes[node].running.as_ref().expect("it was started").signal(signal);
    }

    /// Asks the node to end, and waits until it has.
    pub(crate) async fn terminate(&mut self, node: usize) -> Ended {
        self.signal(node, Signal::TERM);
        self.node(node).end().await
    }

    /// Kills the node as no program can notice.
    pub(crate) async fn kill(&mut self, node: usize) {
        self.signal(node, Signal::KILL);
        assert_eq!(self.node(node).end().await.status, None, "it was killed");
    }

    /// The cluster as this node tells it, if it answers.
    pub(crate) async fn view(&self, node: usize) -> Option<ClusterView> {
        let answer = self.client.get(format!("http://{}/wherever/cluster", self.address(node))).send().await.ok()?;
        serde_json::from_slice(&answer.bytes().await.ok()?).ok()
    }

    /// What is in motion, as this node tells it.
    pub(crate) async fn live(&self, node: usize) -> Option<LiveView> {
        self.view(node).await?.live
    }

    /// How many slots each of the nodes owns, as this node tells it.
    pub(crate) fn shares(&self, view: &ClusterView) -> Vec<u32> {
        let group = view.groups.get(GROUP);
        self.nodes.iter().map(|node| group.map_or(0, |group| group.slots_of(&node.address.as_str().into()))).collect()
    }

    /// The slots that each node should own when these nodes are members.
    pub(crate) fn targets(&self, members: &[usize]) -> Vec<u32> {
        let total: u32 = members.iter().map(|node| self.nodes[*node].weight).sum();
        let share = |node: usize| if members.contains(&node) { 16_384 * self.nodes[node].weight / total } else { 0 };
        (0..self.nodes.len()).map(share).collect()
    }

    /// Waits until exactly these nodes share all slots by their weights, nothing moves, and all of them know that.
    pub(crate) async fn settled(&self, members: &[usize]) {
        let targets = self.targets(members);
        let has_settled = async || {
            for member in members {
                let view = self.view(*member).await?;
                let shares = self.shares(&view);
                // The remainder's seats go where nothing has to move for them; 2 % are not worth a move.
                let near =
                    shares.iter().zip(&targets).all(|(share, target)| share.abs_diff(*target) <= 2 + target / 40);
                let is_whole = shares.iter().sum::<u32>() == 16_384;
                let live = view.live?;
                let rests = live.unsettled.is_empty() && live.moves.is_empty() && live.authority == "held";
                if !(near && is_whole && rests && live.nodes.len() == members.len()) {
                    return None;
                }
            }
            Some(())
        };
        let what = format!("{members:?} share the slots as {targets:?}");
        if in_time(has_settled).await.is_none() {
            let mut views = Vec::new();
            for member in members {
                let view = self.view(*member).await;
                views.push(view.map(|view| (self.shares(&view), view.live)));
            }
            panic!("never: {what}, but {views:#?}");
        }
    }

    /// The slots that these nodes were declared to have lost, as the whole cluster tells it.
    pub(crate) async fn losses(&self) -> u32 {
        let mut lost = 0;
        for node in 0..self.nodes.len() {
            let live = self.live(node).await.unwrap_or_default();
            lost += live.losses.iter().map(|loss| loss.slots).sum::<u32>();
        }
        lost
    }

    /// Prints what the nodes that run say of their authority, and why they may have lost it.
    pub(crate) fn tell_of_authority(&self) {
        for node in &self.nodes {
            let lines = node.running.as_ref().map(|it| it.stderr.with(&["authority", "beat", "lease", "fenced"]));
            println!("{}: {:#?}", node.address, lines.unwrap_or_default());
        }
    }

    /// How often a node has lost authority so far, as each of them has said.
    pub(crate) fn lapses(&self) -> usize {
        self.nodes.iter().map(Node::lapses).sum()
    }

    /// Starts calls from outside that ask these nodes for the map.
    pub(crate) async fn load(&self, nodes: &[usize], seconds: u64, more: &[&str]) -> Load {
        let addresses: Vec<&str> = nodes.iter().map(|node| self.address(*node)).collect();
        Load::start(&addresses, seconds, more).await
    }

    /// Checks that no slot was ever looked at in two epochs at once.
    pub(crate) fn check_traces(&self) {
        trace::check((0..self.nodes.len()).map(|node| self.trace(node)));
    }
}

impl Node {
    fn lapses(&self) -> usize {
        self.lapses_before + self.running.as_ref().map_or(0, |running| running.stderr.count("authority has lapsed"))
    }
}

/// An address on this machine that nobody uses.
pub(crate) fn free_address(host: &str) -> String {
    static TAKEN: std::sync::Mutex<Option<HashSet<String>>> = std::sync::Mutex::new(None);
    loop {
        // Below the ports that Linux gives to connections, one of which could take the port before the program does.
        let address = format!("{host}:{}", fastrand::u16(20_000..32_000));
        let mut taken = TAKEN.lock().expect("nobody panics with it");
        // An address in a namespace cannot be tried from outside; nobody else is there.
        let is_free =
            TcpListener::bind(&address).map_or_else(|error| error.kind() == ErrorKind::AddrNotAvailable, |_| true);
        if is_free && taken.get_or_insert_default().insert(address.clone()) {
            return address;
        }
    }
}
