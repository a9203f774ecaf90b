//! Short addresses for long ones, kept on several nodes, each of which can be asked for all of them.
//!
//! ```text
//! url_shortener                                             three nodes, loaded with real addresses and checked
//! url_shortener node  --listen A --nodes A,B,C --data DIR   one node of a fixed cluster
//! url_shortener node  --listen A --seed --data DIR          the first node of a live cluster, or one with --etcd URL
//! url_shortener node  --listen B --join http://A --data DIR one that joins it: slots move there, with their addresses
//! url_shortener front --listen D --connect http://A         a web front that keeps nothing itself
//! ```
//!
//! Read on in this order: `store` is the trait that other nodes are called by, and what implements it; `disk` keeps one node's
//! share in a file, and gives it away slot by slot when slots move; `shortener` is the application, which has a client of the trait injected; `front` and `page` are its web
//! pages; `node` puts all that together. What is left is the demonstration: `launch` starts the processes, `load` asks them,
//! `report` counts, `demo` does these in turn.

mod address;
mod demo;
mod disk;
mod end;
mod front;
mod launch;
mod load;
#[path = "../membership.rs"]
mod membership;
mod node;
mod page;
mod report;
mod shortener;
mod store;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Whatever went wrong, as a sentence for the person who started the program.
type Failure = Box<dyn Error + Send + Sync>;

/// Short addresses for long ones, kept on several nodes.
///
/// Without a command: starts three nodes, loads a file of addresses through them, reads every one back, and serves.
#[derive(Parser)]
#[command(name = "url_shortener", args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    demo: demo::Options,
}

#[derive(Subcommand)]
enum Command {
    /// Runs one node until SIGINT or SIGTERM.
    Node(node::Options),
    /// Runs a web front without data of its own, until SIGINT or SIGTERM.
    Front(front::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    // Standard output is for the report alone.
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let outcome = match arguments.command {
        None => demo::run(arguments.demo).await,
        Some(Command::Node(options)) => node::run(options).await.map(|()| ExitCode::SUCCESS),
        Some(Command::Front(options)) => front::run(options).await.map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|failure| {
        eprintln!("url_shortener: {failure}");
        ExitCode::FAILURE
    })
}
