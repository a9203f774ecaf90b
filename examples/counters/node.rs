//! A node of any kind of cluster, from its flags to its end.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use wherever::coordinator::{CoordinatorError, Etcd, EtcdOptions};
use wherever::{Node, NodeBuilder};

use crate::service::CounterClient;
use crate::trace::Trace;

/// The cluster's name in etcd.
const CLUSTER: &str = "counters";

/// Pause between two tries to reach an etcd that is not there yet.
const PAUSE: Duration = Duration::from_millis(500);

/// Longest wait for the node's slots to be taken by others: a debug build on a busy machine moves a few hundred in a second.
const HAND_OVER: Duration = Duration::from_secs(120);

/// What a node is told.
#[derive(Args)]
pub(crate) struct NodeArgs {
    /// Where the node listens, and where the others reach it
    #[arg(long, value_name = "HOST:PORT")]
    listen: String,
    /// Where the others reach the node, and its name, if that is not where it listens
    #[arg(long, value_name = "HOST:PORT")]
    advertise: Option<String>,
    #[command(flatten)]
    membership: Membership,
    /// The node's share of the slots, relative to the others
    #[arg(long, value_name = "W", default_value_t = 1)]
    weight: u32,
    /// Where the node stands: nodes of one zone fail together
    #[arg(long, value_name = "NAME")]
    zone: Option<String>,
    /// Notes each look at the state in this file: for proofs that no two nodes look at one slot at once
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

/// How the node knows its cluster; alone if nothing is said.
#[derive(Args)]
#[group(multiple = false)]
struct Membership {
    /// A fixed cluster: the addresses of all its nodes, the same on each
    #[arg(long, value_name = "HOST:PORT,…", value_delimiter = ',')]
    nodes: Vec<String>,
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

/// Serves until a signal, then hands over and ends.
///
/// # Errors
/// Why the node cannot start, or why it had to stop.
pub(crate) async fn serve(args: NodeArgs) -> Result<(), Box<dyn Error>> {
    let signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    let listener = TcpListener::bind(&args.listen).await?;
    let name = args.advertise.as_ref().unwrap_or(&args.listen);
    let mut builder =
        Node::builder().advertise(name).weight(args.weight).hand_over_time(HAND_OVER).expect::<CounterClient>();
    builder = builder.with(Trace::open(args.trace.as_deref())?);
    if let Some(zone) = args.zone {
        builder = builder.zone(zone);
    }
    let builder = member(builder, args.membership).await?;
    println!("listening on {}", args.listen);
    let drained = builder.serve_with_shutdown(listener, told_to_end(signals)).await?;
    println!("ended; {} connections were cut", drained.cut);
    Ok(())
}

async fn member(builder: NodeBuilder, membership: Membership) -> Result<NodeBuilder, Box<dyn Error>> {
    Ok(match membership {
        Membership { seed: Some(Some(folder)), .. } => builder.seed_at(folder),
        Membership { seed: Some(None), .. } => builder.seed(),
        Membership { join, .. } if !join.is_empty() => builder.join(join),
        Membership { etcd, .. } if !etcd.is_empty() => builder.coordinator(Arc::new(connect(&etcd).await?)),
        Membership { nodes, .. } => builder.nodes(nodes),
    })
}

/// Waits for an etcd that comes up later than this node.
async fn connect(endpoints: &[String]) -> Result<Etcd, CoordinatorError> {
    loop {
        match Etcd::connect(endpoints, EtcdOptions::cluster(CLUSTER)).await {
            Err(CoordinatorError::Unavailable(why)) => {
                eprintln!("counters: waiting for etcd: {why}");
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

/// Ready at the first signal. The second one ends the program where it stands.
async fn told_to_end(mut signals: [Signal; 2]) {
    next(&mut signals).await;
    tokio::spawn(async move {
        next(&mut signals).await;
        eprintln!("counters: a second signal: what is not handed over by now is lost");
        std::process::exit(1);
    });
}

async fn next([terminate, interrupt]: &mut [Signal; 2]) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
