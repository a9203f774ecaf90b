//! What the demonstration found out, as a table for people and as a line of JSON for programs.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use wherever::view::ClusterView;
use wherever::{NodeId, Wherever};

use crate::Failure;
use crate::load::Loaded;
use crate::store::{UrlStore, UrlStoreClient};

/// Time for a node to tell of itself.
const VIEW_TIME: Duration = Duration::from_secs(10);

/// The whole demonstration.
#[derive(Serialize)]
pub(crate) struct Report {
    urls: usize,
    stored: u64,
    read_back: usize,
    wrong: usize,
    #[serde(skip)]
    mistakes: Vec<String>,
    local_calls: u64,
    remote_calls: u64,
    seconds: f64,
    nodes: Vec<NodeReport>,
}

/// One node: what it says of itself, and how long its answers took as their visitor saw it.
#[derive(Serialize)]
struct NodeReport {
    id: NodeId,
    address: String,
    slots: u32,
    local_calls: u64,
    remote_calls: u64,
    redirects: u64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Report {
    /// Asks each node what it counted, and all of them how much they keep.
    pub(crate) async fn gather(
        addresses: &[String],
        urls: usize,
        loaded: Loaded,
        took: Duration,
    ) -> Result<Self, Failure> {
        let client = reqwest::Client::builder().no_proxy().timeout(VIEW_TIME).build()?;
        let mut nodes = Vec::new();
        for (address, mut times) in addresses.iter().zip(loaded.times) {
            let answer = client.get(format!("http://{address}/wherever/cluster")).send().await?.error_for_status()?;
            let view: ClusterView = serde_json::from_slice(&answer.bytes().await?)?;
            times.sort_unstable();
            nodes.push(NodeReport::new(address, &view, &times));
        }
        let store: UrlStoreClient = Wherever::connect(addresses).await?.client();
        let stored = store.count().await?;
        let mut mistakes = loaded.wrong;
        // A folder kept from earlier may hold more than was added now, never less.
        if stored < loaded.codes as u64 {
            mistakes.push(format!("the nodes keep {stored} addresses, though {} were added", loaded.codes));
        }
        Ok(Self {
            urls,
            stored,
            read_back: loaded.read_back,
            wrong: mistakes.len(),
            mistakes,
            local_calls: nodes.iter().map(|node| node.local_calls).sum(),
            remote_calls: nodes.iter().map(|node| node.remote_calls).sum(),
            seconds: rounded(took.as_secs_f64()),
            nodes,
        })
    }

    /// What was wrong, a sentence each.
    pub(crate) fn mistakes(&self) -> &[String] {
        &self.mistakes
    }

    /// As one line.
    pub(crate) fn json(&self) -> Result<String, Failure> {
        Ok(serde_json::to_string(self)?)
    }

    /// As a table with a sentence below it.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(["node", "slots", "local calls", "remote calls", "redirects", "p50", "p99"]);
        for node in &self.nodes {
            let counts =
                [node.slots.into(), node.local_calls, node.remote_calls, node.redirects].map(|count| count.to_string());
            let times = [node.p50_ms, node.p99_ms].map(|time| format!("{time:.1} ms"));
            table.add_row([node.address.clone()].into_iter().chain(counts).chain(times));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let Self { urls, stored, read_back, wrong, seconds, .. } = self;
        format!("{table}\n{urls} addresses in {seconds:.1} s: {stored} stored, {read_back} read back, {wrong} wrong")
    }
}

impl NodeReport {
    /// `times` ascend.
    fn new(address: &str, view: &ClusterView, times: &[Duration]) -> Self {
        Self {
            id: view.node.clone(),
            address: address.to_owned(),
            slots: view.groups.get("default").map_or(0, |group| group.slots_of(&view.node)),
            local_calls: view.counts.local,
            remote_calls: view.counts.remote,
            redirects: view.counts.redirects,
            p50_ms: percentile(times, 50),
            p99_ms: percentile(times, 99),
        }
    }
}

/// The time within which `percent` of all came, in milliseconds: the nearest rank. 0 if there were none.
fn percentile(ascending: &[Duration], percent: usize) -> f64 {
    let rank = (ascending.len() * percent).div_ceil(100).saturating_sub(1);
    ascending.get(rank).map_or(0.0, |time| rounded(time.as_secs_f64() * 1000.0))
}

/// To three places: more would be noise.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}
