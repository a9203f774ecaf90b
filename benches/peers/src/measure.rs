//! One measurement: a load, and what a pair of processes used for it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Failed;
use crate::peers::Peer;
use crate::process::Process;

/// When calls begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// So many at once: each when the one before it has ended.
    Closed(u64),
    /// So many per second, each at its time, whatever has become of the others.
    Open(u64),
}

/// One measurement's load.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub pace: Pace,
    /// Bytes of the payload, in the request and in the reply.
    pub payload: usize,
    /// How long it is measured.
    pub seconds: f64,
}

/// What the client says when it has run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Ran {
    pub calls: u64,
    /// On the wall.
    pub nanoseconds: u64,
    /// CPU time of the client.
    pub cpu_nanoseconds: u64,
    /// Only where calls begin at their times: in a closed loop it follows from calls per second.
    pub latency: Option<Latency>,
}

/// How long calls took from the time at which they were due, in microseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Latency {
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
}

/// What one pair of processes did.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Measured {
    pub calls_per_second: f64,
    /// CPU microseconds per call, of the client.
    pub client: f64,
    /// CPU microseconds per call, of the server.
    pub server: f64,
    pub latency: Option<Latency>,
}

impl Measured {
    fn new(ran: Ran, server: Duration) -> Self {
        let per_call = |nanoseconds: f64| nanoseconds / 1e3 / ran.calls as f64;
        Self {
            calls_per_second: ran.calls as f64 * 1e9 / ran.nanoseconds as f64,
            client: per_call(ran.cpu_nanoseconds as f64),
            server: per_call(server.as_nanos() as f64),
            latency: ran.latency,
        }
    }

    /// CPU microseconds per call, of client and server together.
    pub fn cpu(&self) -> f64 {
        self.client + self.server
    }
}

/// A fresh server and a fresh client of `peer` under this load.
pub fn measure(peer: Peer, load: Load) -> Result<Measured, Failed> {
    let alone = load.pace == Pace::Closed(1);
    let mut server = Process::start(&["serve", peer.name()], alone)?;
    let address = server.line()?;
    let [pace, payload, seconds] = [load.pace.word(), load.payload.to_string(), load.seconds.to_string()];
    let mut client = Process::start(&["drive", peer.name(), &address, &pace, &payload, &seconds], alone)?;
    client.line()?;
    let before: u64 = server.ask()?.parse()?;
    let ran: Ran = serde_json::from_str(&client.ask()?)?;
    let after: u64 = server.ask()?.parse()?;
    Ok(Measured::new(ran, Duration::from_nanos(after - before)))
}

impl Pace {
    /// As it is read.
    fn word(self) -> String {
        match self {
            Self::Closed(in_flight) => in_flight.to_string(),
            Self::Open(rate) => format!("{rate}/s"),
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(in_flight) => write!(out, "{in_flight} in flight"),
            Self::Open(rate) => write!(out, "{rate} calls per second"),
        }
    }
}

impl FromStr for Pace {
    type Err = Failed;

    fn from_str(text: &str) -> Result<Self, Failed> {
        Ok(match text.strip_suffix("/s") {
            Some(rate) => Self::Open(rate.parse()?),
            None => Self::Closed(text.parse()?),
        })
    }
}
