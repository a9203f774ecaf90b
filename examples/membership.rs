//! How a node of an example knows its cluster: the flags `--nodes`, `--seed`, `--join` and `--etcd`, the same in each.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use wherever::NodeBuilder;
use wherever::coordinator::{CoordinatorError, Etcd, EtcdOptions};

/// Pause between two tries to reach an etcd that is not there yet.
const PAUSE: Duration = Duration::from_millis(500);

/// How the node knows its cluster; alone if nothing is said.
#[derive(clap::Args)]
#[group(multiple = false)]
pub(crate) struct Membership {
    /// A fixed cluster: the addresses of all its nodes, the same on each
    #[arg(long, value_name = "HOST:PORT,…", value_delimiter = ',')]
    pub(crate) nodes: Vec<String>,
    /// Founds a live cluster that others join, and keeps its records in this folder, or in memory
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    seed: Option<Option<PathBuf>>,
    /// Joins the live cluster of the seed that answers at one of these addresses
    #[arg(long, value_name = "URL,…", value_delimiter = ',')]
    join: Vec<String>,
    /// Joins the live cluster whose records are in this etcd, or founds it
    #[arg(long, value_name = "URL,…", value_delimiter = ',')]
    etcd: Vec<String>,
}

impl Membership {
    /// Whether the cluster may change while it works.
    #[allow(dead_code, reason = "an example whose state is in memory need not know")]
    pub(crate) fn is_live(&self) -> bool {
        self.seed.is_some() || !self.join.is_empty() || !self.etcd.is_empty()
    }

    /// Makes `builder`'s node a member; `name` is the cluster's name in etcd.
    pub(crate) async fn of(self, builder: NodeBuilder, name: &str) -> Result<NodeBuilder, CoordinatorError> {
        Ok(match self {
            Self { seed: Some(Some(folder)), .. } => builder.seed_at(folder),
            Self { seed: Some(None), .. } => builder.seed(),
            Self { join, .. } if !join.is_empty() => builder.join(join),
            Self { etcd, .. } if !etcd.is_empty() => builder.coordinator(Arc::new(connect(&etcd, name).await?)),
            Self { nodes, .. } => builder.nodes(nodes),
        })
    }
}

/// Waits for an etcd that comes up later than this node.
async fn connect(endpoints: &[String], name: &str) -> Result<Etcd, CoordinatorError> {
    loop {
        match Etcd::connect(endpoints, EtcdOptions::cluster(name)).await {
            Err(CoordinatorError::Unavailable(why)) => {
                eprintln!("{name}: waiting for etcd: {why}");
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}
