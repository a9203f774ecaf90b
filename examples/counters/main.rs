//! Counters and lists in memory, spread over nodes by their keys, and a load that checks that no call is lost or run twice.
//!
//! Nodes come and go while it runs, and the counters move along:
//!
//! ```text
//! counters node --listen 127.0.0.1:7001 --seed
//! counters node --listen 127.0.0.1:7002 --join 127.0.0.1:7001
//! counters load --nodes 127.0.0.1:7001,127.0.0.1:7002 --seconds 10 --json
//! ```
//!
//! With `--etcd http://127.0.0.1:2379` in place of `--seed` and `--join`, the same program does without a node that must not go.

mod check;
mod load;
#[path = "../membership.rs"]
mod membership;
mod node;
mod report;
mod sampler;
mod service;
mod trace;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use load::Load;
use node::NodeArgs;

#[derive(Parser)]
#[command(about = "Counters that move with their slots")]
enum Command {
    /// Runs a node until it gets SIGTERM or SIGINT, hands over what it holds, and ends; a second signal ends it at once.
    Node(NodeArgs),
    /// Calls the counters for a while, and checks what came of it; fails on a violation.
    Load(Load),
}

#[tokio::main]
async fn main() -> ExitCode {
    let level = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(level).with_ansi(false).with_writer(std::io::stderr).init();
    run(Command::parse()).await.unwrap_or_else(|error| {
        eprintln!("counters: {error}");
        ExitCode::FAILURE
    })
}

async fn run(command: Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Node(args) => node::serve(args).await.map(|()| ExitCode::SUCCESS),
        Command::Load(load) => Ok(if load::run(&load).await? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
    }
}
