//! The tables that people read.

use crate::measure::{Latency, Measured, Pace};
use crate::peers::Peer;
use crate::rounds::Rounds;

/// Prints the rows of one load.
pub fn print(rounds: &Rounds) {
    let load = rounds.load;
    let alone = if load.pace == Pace::Closed(1) { ", both processes on one core" } else { "" };
    println!("\n{}, payload of {} bytes{alone}; medians of {} rounds", load.pace, load.payload, rounds.count());
    match load.pace {
        Pace::Closed(_) => print_closed(rounds),
        Pace::Open(_) => print_open(rounds),
    }
}

fn print_closed(rounds: &Rounds) {
    println!(
        "| peer | calls/s | CPU µs per call | of it client | server | this CPU over raw frames' | frames' CPU over this | \
         frames' calls/s over this |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for &peer in &rounds.peers {
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            peer.title(),
            shown(rounds.median(peer, |measured| measured.calls_per_second), 0),
            shown(rounds.median(peer, Measured::cpu), 2),
            shown(rounds.median(peer, |measured| measured.client), 2),
            shown(rounds.median(peer, |measured| measured.server), 2),
            shown(rounds.ratio(peer, Peer::Raw, Measured::cpu), 2),
            shown(rounds.ratio(Peer::Frames, peer, Measured::cpu), 2),
            shown(rounds.ratio(Peer::Frames, peer, |measured| measured.calls_per_second), 2),
        );
    }
}

fn print_open(rounds: &Rounds) {
    println!("| peer | calls/s | µs from when they were due: p50 | p99 | p99.9 | CPU µs per call |");
    println!("|---|---|---|---|---|---|");
    for &peer in &rounds.peers {
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            peer.title(),
            shown(rounds.median(peer, |measured| measured.calls_per_second), 0),
            shown(rounds.median(peer, |measured| latency(measured).p50), 0),
            shown(rounds.median(peer, |measured| latency(measured).p99), 0),
            shown(rounds.median(peer, |measured| latency(measured).p999), 0),
            shown(rounds.median(peer, Measured::cpu), 2),
        );
    }
}

fn latency(measured: &Measured) -> Latency {
    measured.latency.unwrap_or(Latency { p50: f64::NAN, p99: f64::NAN, p999: f64::NAN })
}

fn shown(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.digits$}"))
}
