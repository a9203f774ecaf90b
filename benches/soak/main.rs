//! Frames for a long time: does anything grow, and does anything go astray? Not part of the tests, since it takes minutes to hours.
//!
//! ```text
//! cargo run --release -p wherever-benches --bin soak -- calls              # fifty million calls, with the memory of both ends
//! cargo run --release -p wherever-benches --bin soak -- calls 1000000
//! cargo run --release -p wherever-benches --bin soak -- cancels            # a hundred thousand callers who change their minds
//! ```
//!
//! It ends with status 1 if something grew, was left behind, or reached another caller. The node is a process of its own.
//!
//! - `calls`, `cancels`: the two loads
//! - `server`: the node, and how it is asked for its figures
//! - `gauge`: what a process holds

mod calls;
mod cancels;
mod gauge;
mod server;

use std::process::ExitCode;

/// What went wrong, for the person before the terminal.
type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Calls unless told otherwise: what a thousand callers a second make in fourteen hours.
const CALLS: u64 = 50_000_000;

/// Callers who may change their minds, unless told otherwise.
const CANCELS: u64 = 100_000;

const USAGE: &str = "usage: soak calls [NUMBER] | soak cancels [NUMBER]";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failed> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match &words[..] {
        ["calls"] => calls::run(CALLS).await,
        ["calls", number] => calls::run(number.parse()?).await,
        ["cancels"] => cancels::run(CANCELS).await,
        ["cancels", number] => cancels::run(number.parse()?).await,
        // The other process.
        ["serve"] => server::serve().await,
        _ => Err(USAGE.into()),
    }
}
