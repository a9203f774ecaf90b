//! Counters and lists in memory, spread over nodes by their keys, and a load that checks that no call is lost or run twice.
//!
//! ```text
//! counters node --listen 127.0.0.1:7001 --nodes 127.0.0.1:7001,127.0.0.1:7002
//! counters node --listen 127.0.0.1:7002 --nodes 127.0.0.1:7001,127.0.0.1:7002
//! counters load --nodes 127.0.0.1:7001 --seconds 10 --json
//! ```

mod check;
mod load;
mod service;

use std::error::Error;
use std::process::ExitCode;

use clap::{Args, Parser};
use tokio::net::TcpListener;
use wherever::Node;

use load::Load;
use service::CounterClient;

#[derive(Parser)]
#[command(about = "Counters that move with their slots")]
enum Command {
    /// Runs a node.
    Node(NodeArgs),
    /// Calls the counters for a while, and checks what came of it; fails on a violation.
    Load(Load),
}

#[derive(Args)]
struct NodeArgs {
    /// Where the node listens, and where the others reach it.
    #[arg(long)]
    listen: String,
    #[command(flatten)]
    membership: Membership,
}

/// How the node knows its cluster.
#[derive(Args)]
struct Membership {
    /// A fixed cluster: the addresses of all its nodes, the same on each.
    #[arg(long, value_delimiter = ',')]
    nodes: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    match Command::parse() {
        Command::Node(args) => serve(args).await.map(|()| ExitCode::SUCCESS),
        Command::Load(load) => Ok(if load::run(&load).await? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
    }
}

async fn serve(NodeArgs { listen, membership }: NodeArgs) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(&listen).await?;
    let builder = Node::builder().advertise(&listen).nodes(membership.nodes).expect::<CounterClient>();
    println!("listening on {listen}");
    builder.serve(listener).await?;
    Ok(())
}
