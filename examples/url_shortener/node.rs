//! One node: its cluster, its file, its share of the slots, its web front.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use wherever::Node;

use crate::disk::{Disk, STATE, Share};
use crate::membership::Membership;
use crate::shortener::{Config, Shortener};
use crate::store::UrlStoreClient;
use crate::{Failure, end, front};

/// The cluster's name in etcd.
const CLUSTER: &str = "url_shortener";

/// The group of `UrlStore`, whose slots the rows move with.
const GROUP: &str = "default";

/// Longest wait for the node's slots to be taken by others: a debug build on a busy machine moves a few hundred in a second.
const HAND_OVER: Duration = Duration::from_secs(120);

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
    #[command(flatten)]
    membership: Membership,
    /// The folder for this node's file. In a fixed cluster it keeps the node's addresses for the next start; in a live one it is
    /// empty once the node has handed its slots over, and what a crash leaves there is set aside.
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
    let (disk, closed) = Disk::open(&options.data, &share(&own, &options.membership))
        .map_err(|error| format!("the file in {}: {error}", options.data.display()))?;

    let builder = Node::builder()
        .advertise(&own)
        .hand_over_time(HAND_OVER)
        // The provider's, to read and write; and the node's, to move with its slots.
        .with(disk.clone())
        .state(STATE, GROUP, Arc::new(disk))
        .with(Config { public: options.public.unwrap_or_else(|| format!("http://{own}")) })
        .expect::<UrlStoreClient>();
    let node = options.membership.of(builder, CLUSTER).await?.build()?;
    let shortener: Shortener = node.inject()?;
    let app = front::router(shortener, node.wherever().clone()).merge(node.router());

    eprintln!("node {own} listens: http://{own}/");
    let told = async move {
        tokio::select! {
            () = signalled => {}
            () = end::orphaned(), if options.until_stdin_ends => {}
        }
        end::at_the_next_signal();
    };
    node.serve_router(listener, app, told).await?;

    // With the node went the last reference to the file: its thread ends, after its last commit.
    if tokio::time::timeout(CLOSE_TIME, closed).await.is_err() {
        eprintln!("node {own}: the file was not closed in time; it will be checked at the next start");
    }
    Ok(())
}

/// What the file is for. In a fixed cluster, the part of all slots that the node has: nodes of equal weight share them in the order of
/// their addresses.
fn share(own: &str, membership: &Membership) -> Share {
    if membership.is_live() {
        return Share::Live;
    }
    let before = membership.nodes.iter().filter(|other| other.as_str() < own).count();
    Share::Fixed(format!("node {} of {}", before + 1, membership.nodes.len().max(1)))
}
