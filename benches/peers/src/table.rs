//! The table: medians over the rounds, and ratios of what was measured in the same round.

use crate::measure::{Load, Measured};
use crate::peers::Peer;

/// Prints the rows of one load; `rounds` has one measurement for each peer.
pub fn print(load: Load, rounds: &[Vec<Measured>]) {
    let alone = if load.in_flight == 1 { ", both processes on one core" } else { "" };
    println!(
        "\n{} in flight, payload of {} bytes{alone}; medians of {} rounds",
        load.in_flight,
        load.payload,
        rounds.len()
    );
    println!("| peer | calls/s | CPU µs per call | of it client | server | wherever's CPU over this |");
    println!("|---|---|---|---|---|---|");
    for (column, peer) in Peer::ALL.into_iter().enumerate() {
        let of = |figure: &dyn Fn(&[Measured]) -> f64| median(rounds.iter().map(|round| figure(round)).collect());
        println!(
            "| {} | {:.0} | {:.1} | {:.1} | {:.1} | {:.2} |",
            peer.name(),
            of(&|round| round[column].calls_per_second()),
            of(&|round| round[column].cpu()),
            of(&|round| round[column].client.as_secs_f64() * 1e6 / round[column].calls),
            of(&|round| round[column].server.as_secs_f64() * 1e6 / round[column].calls),
            of(&|round| round[0].cpu() / round[column].cpu()),
        );
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
