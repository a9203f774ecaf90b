//! Calls over the network: the same work done by wherever, by raw frames and by other crates, as pairs of processes taken in turn.
//!
//! `cargo run --release` prints the table. Each measurement starts a fresh server and a fresh client, which are this program
//! again: `serve PEER` and `drive PEER ADDRESS PACE PAYLOAD SECONDS` can also be run by hand, as under a profiler.

mod bars;
mod chart;
mod drive;
mod measure;
mod open;
mod peers;
mod plan;
mod process;
mod records;
mod rounds;
mod serve;
mod table;
mod usage;

use std::error::Error;

use crate::measure::Load;
use crate::peers::Peer;
use crate::plan::Plan;

/// Any failure ends the program: a measurement with errors in it is none.
type Failed = Box<dyn Error + Send + Sync>;

/// Workers of the server and of the client, as on a machine of two cores.
const WORKERS: usize = 2;

fn main() -> Result<(), Failed> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match *words {
        ["serve", peer] => runtime()?.block_on(serve::serve(peer.parse()?)),
        ["drive", peer, address, pace, payload, seconds] => {
            let load = Load { pace: pace.parse()?, payload: payload.parse()?, seconds: seconds.parse()? };
            runtime()?.block_on(drive::drive(peer.parse::<Peer>()?, address, load))
        }
        _ => Plan::from_words(&words)?.run(),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?)
}
