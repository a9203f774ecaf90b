//! `url_shortener node` in a live cluster: nodes join, leave in order, crash and run out of disk, and no address leads astray.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, stream};
use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableDefinition};
use reqwest::Client;
use reqwest::header::LOCATION;
use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;
use wherever::Slot;
use wherever::view::ClusterView;

use crate::http::{call, client, free_addresses, until};
use crate::program::{Program, example};

/// Addresses to shorten: enough for each node to have dozens.
const URLS: usize = 400;

/// Addresses followed at once.
const AT_ONCE: usize = 32;

const SLOTS: u32 = 16_384;

#[tokio::test]
async fn addresses_move_with_their_slots_when_nodes_come_and_go() {
    let mut cluster = Cluster::start(3).await;
    let codes = cluster.add(URLS).await;
    let reading = cluster.read_on(&codes, &[0, 2]);
    let joined = cluster.join().await;
    cluster.until_shared(&[0, 1, 2, joined]).await;
    cluster.read_back(&codes, &[0, 1, 2, joined]).await;

    cluster.nodes[1].program.signal(Signal::TERM);
    let ended = cluster.nodes[1].program.end().await;
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    assert_eq!(rows_in(&cluster.nodes[1].file()), 0, "it has handed over everything, and keeps nothing of it");
    let left = [0, 2, joined];
    cluster.until_shared(&left).await;
    cluster.read_back(&codes, &left).await;
    let read = reading.end().await;
    assert!(read > URLS, "{read} addresses were followed meanwhile");
    for node in left {
        let count = call(&cluster.nodes[node].address, "UrlStore.count", json!([])).await.expect("an answer");
        assert_eq!(count["result"], URLS, "{count}");
    }
}

#[tokio::test]
async fn a_node_that_crashed_serves_nothing_of_what_its_file_still_holds() {
    let mut cluster = Cluster::start(2).await;
    let codes = cluster.add(URLS).await;
    let lost = cluster.owned_by(1, &codes).await;
    assert!(lost.len() > URLS / 4 && lost.len() < URLS);
    cluster.nodes[1].program.signal(Signal::KILL);
    cluster.nodes[1].program.end().await;
    cluster.until_shared(&[0]).await;
    // Somebody shortens other addresses meanwhile, to codes that the file has: what it holds is not what they stand for.
    let (address, client) = (cluster.nodes[0].address.clone(), client());
    let mut codes = codes;
    let anew = lost.iter().take(lost.len() / 2);
    for code in anew {
        let other = format!("https://example.org/instead-of/{code}");
        let put = call(&address, "UrlStore.put", json!([code, other])).await.expect("an answer");
        assert!(put.get("error").is_none(), "{put}");
        codes.insert(code.clone(), other);
    }
    cluster.nodes[1] = cluster.start_node(cluster.nodes[1].address.clone(), cluster.nodes[1].folder.clone());
    cluster.nodes[1].program.stderr.line("urls-set-aside-1.redb").await;
    cluster.until_shared(&[0, 1]).await;
    for code in lost.iter().skip(lost.len() / 2) {
        codes.remove(code);
        for node in &cluster.nodes {
            let answer = client.get(format!("http://{}/{code}", node.address)).send().await.expect("an answer");
            assert_eq!(answer.status(), 404, "{code} at {}", node.address);
        }
    }
    cluster.read_back(&codes, &[0, 1]).await;
}

#[tokio::test]
async fn a_node_whose_disk_is_full_takes_no_slots_and_harms_nobody() {
    let mut cluster = Cluster::start(1).await;
    let codes = cluster.add_long(1_600).await;
    let address = free_addresses(1).remove(0);
    let (folder, mut limited) = (cluster.data.path().join("full"), Command::new("sh"));
    // Files of little more than a MiB, which half of the addresses do not fit in: a write beyond that is an error, not a signal.
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 2200; exec \"$0\" \"$@\""])
        .arg(example("url_shortener").as_std().get_program());
    limited.args(["node", "--listen", &address, "--join", &cluster.nodes[0].address, "--data"]).arg(&folder);
    let mut full = Program::start(&mut limited);
    full.stderr.line("slots cannot be moved").await;
    cluster.nodes.push(Running { address, folder, program: full });
    // Move after move is tried and given up meanwhile, which takes its time: not all of them need to be followed.
    let some = codes.iter().step_by(8).map(|(code, url)| (code.clone(), url.clone())).collect();
    cluster.read_back(&some, &[0, 1]).await;
    let count = call(&cluster.nodes[0].address, "UrlStore.count", json!([])).await.expect("an answer");
    assert_eq!(count["result"], codes.len(), "{count}");
}

/// A live cluster, its seed the first node.
struct Cluster {
    data: TempDir,
    nodes: Vec<Running>,
}

struct Running {
    address: String,
    folder: PathBuf,
    program: Program,
}

impl Running {
    fn file(&self) -> PathBuf {
        self.folder.join("urls.redb")
    }
}

impl Cluster {
    async fn start(nodes: usize) -> Self {
        let mut cluster = Self { data: tempfile::tempdir().expect("a temporary folder"), nodes: Vec::new() };
        for _ in 0..nodes {
            cluster.join().await;
        }
        cluster.until_shared(&(0..nodes).collect::<Vec<_>>()).await;
        cluster
    }

    /// Starts a further node; its position.
    async fn join(&mut self) -> usize {
        let folder = self.data.path().join(format!("node-{}", self.nodes.len()));
        let mut node = self.start_node(free_addresses(1).remove(0), folder);
        node.program.stderr.line("listens").await;
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn start_node(&self, address: String, folder: PathBuf) -> Running {
        let mut command = example("url_shortener");
        command.args(["node", "--listen", &address, "--data"]).arg(&folder);
        match self.nodes.first() {
            None => command.arg("--seed"),
            Some(seed) => command.args(["--join", &seed.address]),
        };
        Running { program: Program::start(&mut command), address, folder }
    }

    /// Waits until each of these nodes says that they own all slots, in equal shares.
    async fn until_shared(&self, nodes: &[usize]) {
        let fair = SLOTS / u32::try_from(nodes.len()).expect("a few nodes");
        let is_shared = |view: &ClusterView| {
            let Some(group) = view.groups.get("default") else { return false };
            let shares = nodes.iter().map(|node| self.nodes[*node].address.as_str());
            shares.map(|id| group.slots_of(&id.into())).all(|slots| slots.abs_diff(fair) <= 2)
        };
        for node in nodes {
            let address = &self.nodes[*node].address;
            until(&format!("{address} sees fair shares"), async || view(address).await.filter(is_shared)).await;
        }
    }

    /// Shortens addresses through all nodes in turn; what each code stands for.
    async fn add(&self, count: usize) -> BTreeMap<String, String> {
        self.add_all((0..count).map(|n| format!("https://example.com/page/{n}"))).await
    }

    /// As [`add`](Self::add), each of them close to the longest.
    async fn add_long(&self, count: usize) -> BTreeMap<String, String> {
        self.add_all((0..count).map(|n| format!("https://example.com/{n}/{}", "long".repeat(450)))).await
    }

    async fn add_all(&self, urls: impl Iterator<Item = String>) -> BTreeMap<String, String> {
        let (client, mut codes) = (client(), BTreeMap::new());
        for (url, node) in urls.zip(self.nodes.iter().cycle()) {
            let add = client.post(format!("http://{}/add", node.address)).form(&[("url", &url)]);
            let short = add.send().await.expect("an answer").text().await.expect("a text");
            let code = short.trim().strip_prefix(&format!("http://{}/", node.address)).expect("a short address");
            codes.insert(code.to_owned(), url);
        }
        codes
    }

    /// The codes in slots of this node.
    async fn owned_by(&self, node: usize, codes: &BTreeMap<String, String>) -> Vec<String> {
        let address = &self.nodes[node].address;
        let view = view(address).await.expect("a node that serves");
        let group = &view.groups["default"];
        let id = address.as_str().into();
        let position = group.nodes.iter().position(|node| node.id == id).expect("a member");
        let is_its = |code: &&String| {
            let slot = Slot::of_text(code.as_bytes());
            group.slots.iter().any(|run| run.first <= slot && slot <= run.last && run.node == position)
        };
        codes.keys().filter(is_its).cloned().collect()
    }

    /// Checks where every code leads, through each of these nodes.
    async fn read_back(&self, codes: &BTreeMap<String, String>, nodes: &[usize]) {
        let client = client();
        let each = nodes.iter().flat_map(|node| codes.iter().map(move |(code, url)| (*node, code, url)));
        let follows = stream::iter(each).map(|(node, code, url)| follow(&client, &self.nodes[node].address, code, url));
        follows.buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// Follows codes through these nodes until it is told to end.
    fn read_on(&self, codes: &BTreeMap<String, String>, nodes: &[usize]) -> Reading {
        let addresses: Vec<_> = nodes.iter().map(|node| self.nodes[*node].address.clone()).collect();
        let (codes, is_over) = (codes.clone(), Arc::new(AtomicBool::new(false)));
        let over = is_over.clone();
        let task = tokio::spawn(async move {
            let (client, mut read) = (client(), 0);
            for ((code, url), address) in codes.iter().cycle().zip(addresses.iter().cycle()) {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                follow(&client, address, code, url).await;
                read += 1;
            }
            read
        });
        Reading { is_over, task }
    }
}

/// Codes that are followed while something else goes on.
struct Reading {
    is_over: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<usize>,
}

impl Reading {
    async fn end(self) -> usize {
        self.is_over.store(true, Ordering::Relaxed);
        self.task.await.expect("none led astray")
    }
}

async fn follow(client: &Client, node: &str, code: &str, url: &str) {
    let answer = client.get(format!("http://{node}/{code}")).send().await.expect("an answer");
    assert_eq!(answer.status(), 302, "{code} at {node}");
    assert_eq!(answer.headers()[LOCATION], url, "{code} at {node}");
}

async fn view(address: &str) -> Option<ClusterView> {
    let answer = client().get(format!("http://{address}/wherever/cluster")).send().await.ok()?;
    serde_json::from_slice(&answer.bytes().await.ok()?).ok()
}

/// Every row in the file of a node that has ended.
fn rows_in(file: &Path) -> u64 {
    const CODES: TableDefinition<'_, (u16, u64, &str), &str> = TableDefinition::new("codes");
    let database = Database::open(file).expect("a file that was closed");
    let reading = database.begin_read().expect("a file that can be read");
    reading.open_table(CODES).expect("its table").len().expect("a number")
}
