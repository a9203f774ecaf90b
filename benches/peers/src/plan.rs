//! What to measure, as the command line says it, and the turns in which it is done.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

use serde_json::{Value, json};

use crate::measure::{Load, Measured, Pace, measure};
use crate::peers::Peer;
use crate::rounds::Rounds;
use crate::{Failed, bars, chart, table};

const USAGE: &str = "\
usage: wherever-peers [--peers a,b,…] [--rounds N] [--seconds S] [--in-flight N,N,… | --open RATE,RATE,…] [--payload BYTES,BYTES,…]
                      [--json] [--plot FILE.svg]";

/// How often a peer that is not ours is measured until it has made its calls without an error.
const TRIES: usize = 3;

pub struct Plan {
    peers: Vec<Peer>,
    rounds: usize,
    seconds: f64,
    paces: Vec<Pace>,
    payloads: Vec<usize>,
    json: bool,
    plot: Option<PathBuf>,
}

impl Plan {
    /// Reads the options. Without any: all peers, `--rounds 5 --seconds 1 --in-flight 1,8,64,256 --payload 64,1024`.
    pub fn from_words(words: &[&str]) -> Result<Self, Failed> {
        let mut plan = Self {
            peers: Peer::ALL.to_vec(),
            rounds: 5,
            seconds: 1.0,
            paces: [1, 8, 64, 256].map(Pace::Closed).to_vec(),
            payloads: vec![64, 1024],
            json: false,
            plot: None,
        };
        let mut words = words.iter();
        while let Some(&option) = words.next() {
            if option == "--json" {
                plan.json = true;
                continue;
            }
            let value = words.next().ok_or_else(|| format!("{option} has no value\n{USAGE}"))?;
            match option {
                "--peers" => plan.peers = list(value)?,
                "--rounds" => plan.rounds = value.parse()?,
                "--seconds" => plan.seconds = value.parse()?,
                "--in-flight" => plan.paces = list(value)?.into_iter().map(Pace::Closed).collect(),
                "--open" => plan.paces = list(value)?.into_iter().map(Pace::Open).collect(),
                "--payload" => plan.payloads = list(value)?,
                "--plot" => plan.plot = Some(value.into()),
                _ => return Err(format!("{option} is not understood\n{USAGE}").into()),
            }
        }
        plan.check()
    }

    fn check(self) -> Result<Self, Failed> {
        if self.rounds == 0 || self.peers.is_empty() || self.paces.contains(&Pace::Open(0)) {
            return Err(format!("nothing would be measured\n{USAGE}").into());
        }
        if self.plot.is_some() && !self.paces.contains(&chart::PACE) {
            return Err(format!("--plot draws what was measured at {}, which is not asked for", chart::PACE).into());
        }
        Ok(self)
    }

    /// Measures every load with every peer in turn, so often as there are rounds, and prints the tables.
    pub fn run(&self) -> Result<(), Failed> {
        let mut all = Vec::new();
        for &payload in &self.payloads {
            for &pace in &self.paces {
                let rounds = self.measure(Load { pace, payload, seconds: self.seconds })?;
                if !self.json {
                    table::print(&rounds);
                }
                all.push(rounds);
            }
        }
        let held = bars::held(&all);
        if self.json {
            let loads: Vec<Value> = all.iter().map(Rounds::to_json).collect();
            let bars: Vec<Value> = held.iter().map(bars::Held::to_json).collect();
            println!("{:#}", json!({ "loads": loads, "bars": bars }));
        } else {
            bars::print(&held);
        }
        self.plot.as_deref().map_or(Ok(()), |file| draw(file, &all))
    }

    fn measure(&self, load: Load) -> Result<Rounds, Failed> {
        let mut rounds = Rounds::new(load, &self.peers);
        for number in 1..=self.rounds {
            let start = Instant::now();
            let round = self.peers.iter().map(|&peer| measured(peer, load));
            rounds.push(round.collect::<Result<Vec<Measured>, _>>()?);
            let (of, took) = (self.rounds, start.elapsed().as_secs_f64());
            eprintln!("{}, {} bytes: round {number} of {of}, {took:.0} s", load.pace, load.payload);
        }
        Ok(rounds)
    }
}

/// Measures a peer. Those that are not ours may fail now and then, as pools do that run out: that is told, and measured again.
fn measured(peer: Peer, load: Load) -> Result<Measured, Failed> {
    let tries = if peer.is_ours() { 1 } else { TRIES };
    let mut last = None;
    for _ in 0..tries {
        match measure(peer, load) {
            Ok(measured) => return Ok(measured),
            Err(error) => {
                let error = format!("{} with {}: {error}", load.pace, peer.name());
                eprintln!("{error}");
                last = Some(error);
            }
        }
    }
    Err(last.unwrap_or_default().into())
}

fn draw(file: &Path, all: &[Rounds]) -> Result<(), Failed> {
    let drawn = all.iter().find(|rounds| rounds.load.pace == chart::PACE).ok_or("nothing to draw")?;
    std::fs::write(file, chart::draw(drawn)).map_err(|error| format!("{}: {error}", file.display()).into())
}

fn list<T: FromStr>(text: &str) -> Result<Vec<T>, Failed>
where
    Failed: From<T::Err>,
{
    Ok(text.split(',').map(str::parse).collect::<Result<_, T::Err>>()?)
}
