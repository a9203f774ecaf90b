//! A probe service, to see what a call does.
//!
//! `echo` starts three nodes in this process, calls every method from each of them and checks the answers. `echo node` runs one
//! node of a cluster, for example this one, and then any JSON-RPC client can call it:
//!
//! ```text
//! echo node --listen 127.0.0.1:7001 --nodes 127.0.0.1:7001,127.0.0.1:7002
//! curl 127.0.0.1:7001/rpc -H 'content-type: application/json' \
//!     -d '{"jsonrpc":"2.0","id":1,"method":"Echo.add","params":{"a":2,"b":3}}'
//! ```

mod check;
mod service;

use std::error::Error;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use wherever::Node;

use service::EchoClient;

/// A probe service, to see what a call does.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run one node of a cluster until it gets SIGTERM or SIGINT.
    Node(NodeArgs),
}

#[derive(Args)]
struct NodeArgs {
    /// The address to listen at, one of the list.
    #[arg(long, value_name = "HOST:PORT")]
    listen: String,
    /// All nodes of the cluster, the same list on each of them; without it, the node is alone.
    #[arg(long, value_name = "HOST:PORT,…", value_delimiter = ',')]
    nodes: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_env_filter("warn").with_writer(std::io::stderr).init();
    let ended = match Cli::parse().command {
        None => check::run().await,
        Some(Command::Node(args)) => run_node(&args).await,
    };
    if let Err(error) = ended {
        eprintln!("echo: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Serves until a signal; then running calls finish and new ones are refused.
async fn run_node(args: &NodeArgs) -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let node = Node::builder().nodes(&args.nodes).advertise(&args.listen).expect::<EchoClient>().build()?;
    let listener = TcpListener::bind(&args.listen).await?;
    println!("node {} answers at http://{}/rpc", node.id(), node.address());
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let drained = node.serve_with_shutdown(listener, shutdown).await?;
    println!("node {} ended; {} connections were cut", args.listen, drained.cut);
    Ok(())
}
