//! One node: its file, its share of the slots, its web front.

use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpListener;
use wherever::Node;

use crate::disk::Disk;
use crate::shortener::{Config, Shortener};
use crate::store::UrlStoreClient;
use crate::{Failure, end, front};

/// Time for the last commit once the node has ended.
const CLOSE_TIME: Duration = Duration::from_secs(5);

/// `url_shortener node`
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to listen, as host:port.
    #[arg(long)]
    listen: String,
    /// Where the other nodes reach this one, if not where it listens.
    #[arg(long)]
    advertise: Option<String>,
    /// All nodes of the cluster, this one among them; alone if not given.
    #[arg(long, value_delimiter = ',')]
    nodes: Vec<String>,
    /// The folder for this node's file.
    #[arg(long)]
    data: PathBuf,
    /// What stands before the code in a short address; http:// and the listening address if not given.
    #[arg(long)]
    public: Option<String>,
    /// End when standard input does: for a parent that starts nodes.
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

/// Runs a node until it is told to end; then it finishes what it was asked and closes its file.
pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let signalled = end::signalled()?;
    let listener = TcpListener::bind(&options.listen).await.map_err(|error| format!("{}: {error}", options.listen))?;
    let own = options.advertise.unwrap_or(options.listen);
    let (disk, closed) = Disk::open(&options.data, &share(&own, &options.nodes))
        .map_err(|error| format!("the file in {}: {error}", options.data.display()))?;

    let node = Node::builder()
        .nodes(&options.nodes)
        .advertise(&own)
        .with(disk)
        .with(Config { public: options.public.unwrap_or_else(|| format!("http://{own}")) })
        .expect::<UrlStoreClient>()
        .build()?;
    let shortener: Shortener = node.inject()?;
    let app = front::router(shortener, node.wherever().clone()).merge(node.router());

    eprintln!("node {own} listens: http://{own}/");
    let told = async move {
        tokio::select! {
            () = signalled => {}
            () = end::orphaned(), if options.until_stdin_ends => {}
        }
    };
    node.serve_router(listener, app, told).await?;

    // With the node went the last reference to the file: its thread ends, after its last commit.
    if tokio::time::timeout(CLOSE_TIME, closed).await.is_err() {
        eprintln!("node {own}: the file was not closed in time; it will be checked at the next start");
    }
    Ok(())
}

/// The part of all slots that the node has: nodes of equal weight share them in the order of their addresses.
fn share(own: &str, nodes: &[String]) -> String {
    let before = nodes.iter().filter(|other| other.as_str() < own).count();
    format!("node {} of {}", before + 1, nodes.len().max(1))
}
