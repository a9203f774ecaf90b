//! The bars: what a call may cost beside the others, as far as those were measured.

use std::fmt;

use serde_json::{Value, json};

use crate::measure::{Measured, Pace};
use crate::peers::Peer;
use crate::rounds::{Figure, Rounds};

/// The payloads that bars are for, in bytes.
const SMALL: usize = 64;
const LARGE: usize = 1024;

/// A bar for a ratio.
struct Bar {
    payload: usize,
    in_flight: &'static [u64],
    of: Peer,
    over: Peer,
    what: What,
    limit: Limit,
}

#[derive(Clone, Copy)]
enum What {
    Cpu,
    Calls,
}

#[derive(Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

use Limit::{AtLeast, AtMost};
use Peer::{AxumReqwest, Frames, FramesCompact, FramesOnce, Post, Raw, Tarpc, Tonic};
use What::{Calls, Cpu};

const BARS: [Bar; 15] = [
    Bar { payload: SMALL, in_flight: &[1], of: Frames, over: Raw, what: Cpu, limit: AtMost(1.2) },
    Bar { payload: SMALL, in_flight: &[1], of: Frames, over: Tarpc, what: Cpu, limit: AtMost(0.7) },
    Bar { payload: SMALL, in_flight: &[8], of: Frames, over: Tarpc, what: Cpu, limit: AtMost(0.75) },
    Bar { payload: SMALL, in_flight: &[64, 256], of: Frames, over: Raw, what: Cpu, limit: AtMost(2.2) },
    Bar { payload: SMALL, in_flight: &[64, 256], of: Frames, over: Tarpc, what: Calls, limit: AtLeast(2.0) },
    Bar { payload: SMALL, in_flight: &[64, 256], of: Frames, over: Tonic, what: Calls, limit: AtLeast(5.0) },
    Bar { payload: SMALL, in_flight: &[64, 256], of: FramesOnce, over: Raw, what: Cpu, limit: AtMost(2.2) },
    Bar { payload: SMALL, in_flight: &[64, 256], of: FramesOnce, over: Tarpc, what: Calls, limit: AtLeast(2.0) },
    Bar { payload: SMALL, in_flight: &[64, 256], of: FramesOnce, over: Tonic, what: Calls, limit: AtLeast(5.0) },
    Bar { payload: SMALL, in_flight: &[64, 256], of: FramesCompact, over: Raw, what: Cpu, limit: AtMost(1.6) },
    Bar { payload: LARGE, in_flight: &[64, 256], of: FramesCompact, over: Raw, what: Cpu, limit: AtMost(2.0) },
    Bar { payload: SMALL, in_flight: &[64, 256], of: FramesCompact, over: Tarpc, what: Calls, limit: AtLeast(2.5) },
    Bar { payload: SMALL, in_flight: &[64, 256], of: FramesCompact, over: Tonic, what: Calls, limit: AtLeast(7.0) },
    Bar { payload: SMALL, in_flight: &[1, 8, 64, 256], of: Post, over: AxumReqwest, what: Cpu, limit: AtMost(1.1) },
    Bar { payload: SMALL, in_flight: &[64], of: Post, over: Tonic, what: Cpu, limit: AtMost(1.15) },
];

/// A bar, and the ratio that was measured.
pub struct Held {
    bar: &'static Bar,
    in_flight: u64,
    ratio: f64,
}

/// The bars that are for one of these loads.
pub fn held(all: &[Rounds]) -> Vec<Held> {
    let at = |rounds: &Rounds| match rounds.load.pace {
        Pace::Closed(in_flight) => Some(in_flight),
        Pace::Open(_) => None,
    };
    let of = |bar: &'static Bar| {
        all.iter().filter_map(move |rounds| {
            let in_flight = at(rounds).filter(|in_flight| bar.in_flight.contains(in_flight))?;
            if rounds.load.payload != bar.payload {
                return None;
            }
            Some(Held { bar, in_flight, ratio: rounds.ratio(bar.of, bar.over, bar.what.figure())? })
        })
    };
    BARS.iter().flat_map(of).collect()
}

/// Prints them, if there are any.
pub fn print(held: &[Held]) {
    if held.is_empty() {
        return;
    }
    println!("\n| bar | payload, bytes | in flight | measured | |");
    println!("|---|---|---|---|---|");
    for one in held {
        let verdict = if one.is_met() { "met" } else { "missed" };
        println!("| {} | {} | {} | {:.2} | {verdict} |", one.bar, one.bar.payload, one.in_flight, one.ratio);
    }
}

impl Held {
    fn is_met(&self) -> bool {
        match self.bar.limit {
            AtLeast(limit) => self.ratio >= limit,
            AtMost(limit) => self.ratio <= limit,
        }
    }

    pub fn to_json(&self) -> Value {
        json!({
            "bar": self.bar.to_string(),
            "payload": self.bar.payload,
            "in_flight": self.in_flight,
            "measured": self.ratio,
            "is_met": self.is_met(),
        })
    }
}

impl What {
    fn figure(self) -> Figure {
        match self {
            Cpu => Measured::cpu,
            Calls => |measured| measured.calls_per_second,
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            Cpu => "CPU",
            Calls => "calls/s",
        };
        let (of, over) = (self.of.title(), self.over.title());
        match self.limit {
            AtLeast(limit) => write!(out, "{what}: {of} ≥ {limit} × {over}"),
            AtMost(limit) => write!(out, "{what}: {of} ≤ {limit} × {over}"),
        }
    }
}
