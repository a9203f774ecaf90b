//! What was measured under one load: medians over the rounds, and ratios of what was measured in the same round.

use serde_json::{Value, json};

use crate::measure::{Load, Measured};
use crate::peers::Peer;

/// A figure of a measurement.
pub type Figure = fn(&Measured) -> f64;

pub struct Rounds {
    pub load: Load,
    pub peers: Vec<Peer>,
    /// For each round one measurement of each peer, in their order.
    measured: Vec<Vec<Measured>>,
}

impl Rounds {
    pub fn new(load: Load, peers: &[Peer]) -> Self {
        Self { load, peers: peers.to_vec(), measured: Vec::new() }
    }

    /// A further round, with one measurement of each peer.
    pub fn push(&mut self, round: Vec<Measured>) {
        self.measured.push(round);
    }

    pub fn count(&self) -> usize {
        self.measured.len()
    }

    /// The median of a figure of `peer`; nothing if it was not measured.
    pub fn median(&self, peer: Peer, figure: Figure) -> Option<f64> {
        let column = self.column(peer)?;
        Some(median(self.measured.iter().map(|round| figure(&round[column])).collect()))
    }

    /// The median of how many times as much of a figure `of` has as `over`; nothing if one of them was not measured.
    pub fn ratio(&self, of: Peer, over: Peer, figure: Figure) -> Option<f64> {
        let (of, over) = (self.column(of)?, self.column(over)?);
        Some(median(self.measured.iter().map(|round| figure(&round[of]) / figure(&round[over])).collect()))
    }

    /// All that was measured.
    pub fn to_json(&self) -> Value {
        let peers = self.peers.iter().enumerate().map(|(column, peer)| {
            let rounds: Vec<&Measured> = self.measured.iter().map(|round| &round[column]).collect();
            json!({ "name": peer.name(), "rounds": rounds })
        });
        json!({
            "pace": self.load.pace.to_string(),
            "payload": self.load.payload,
            "seconds": self.load.seconds,
            "peers": peers.collect::<Vec<_>>(),
        })
    }

    fn column(&self, peer: Peer) -> Option<usize> {
        self.peers.iter().position(|measured| *measured == peer)
    }
}

/// Of an even number the mean of the two in the middle.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let half = figures.len() / 2;
    if figures.len() % 2 == 1 { figures[half] } else { f64::midpoint(figures[half - 1], figures[half]) }
}
