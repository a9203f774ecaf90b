//! A node of any kind of cluster, from its flags to its end.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use wherever::Node;

use crate::membership::Membership;
use crate::service::CounterClient;
use crate::trace::Trace;

/// The cluster's name in etcd.
const CLUSTER: &str = "counters";

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
    let builder = args.membership.of(builder, CLUSTER).await?;
    println!("listening on {}", args.listen);
    let drained = builder.serve_with_shutdown(listener, told_to_end(signals)).await?;
    println!("ended; {} connections were cut", drained.cut);
    Ok(())
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
