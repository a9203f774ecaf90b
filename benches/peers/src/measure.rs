//! Starts the pairs of processes, peer after peer and round after round, and hands what they used to the table.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::peers::Peer;
use crate::{Failed, table, usage};

/// One measurement's load.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Calls at once.
    pub in_flight: u64,
    /// Bytes of the payload, in the request and in the reply.
    pub payload: usize,
    /// How long it is measured.
    pub seconds: f64,
}

/// What one pair of processes did.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub calls: f64,
    pub time: Duration,
    /// CPU time of the client.
    pub client: Duration,
    /// CPU time of the server.
    pub server: Duration,
}

impl Measured {
    /// CPU microseconds per call, of client and server together.
    pub fn cpu(&self) -> f64 {
        (self.client + self.server).as_secs_f64() * 1e6 / self.calls
    }

    pub fn calls_per_second(&self) -> f64 {
        self.calls / self.time.as_secs_f64()
    }
}

/// What to measure.
pub struct Plan {
    rounds: usize,
    seconds: f64,
    in_flight: Vec<u64>,
    payloads: Vec<usize>,
}

impl Plan {
    /// Reads `--rounds 5 --seconds 1 --in-flight 1,8,64 --payload 64,1024`, which are also the defaults.
    pub fn from_words(words: &[&str]) -> Result<Self, Failed> {
        let mut plan = Self { rounds: 5, seconds: 1.0, in_flight: vec![1, 8, 64], payloads: vec![64, 1024] };
        for pair in words.chunks(2) {
            match *pair {
                ["--rounds", rounds] => plan.rounds = rounds.parse()?,
                ["--seconds", seconds] => plan.seconds = seconds.parse()?,
                ["--in-flight", list] => plan.in_flight = list.split(',').map(str::parse).collect::<Result<_, _>>()?,
                ["--payload", list] => plan.payloads = list.split(',').map(str::parse).collect::<Result<_, _>>()?,
                _ => return Err(format!("{pair:?} is not understood; see benches/README.md").into()),
            }
        }
        Ok(plan)
    }

    /// Measures every load with every peer in turn, so often as there are rounds, and prints the table.
    pub fn run(&self) -> Result<(), Failed> {
        for &payload in &self.payloads {
            for &in_flight in &self.in_flight {
                let load = Load { in_flight, payload, seconds: self.seconds };
                let mut rounds = Vec::new();
                for _ in 0..self.rounds {
                    rounds.push(Peer::ALL.into_iter().map(|peer| measure(peer, load)).collect::<Result<Vec<_>, _>>()?);
                }
                table::print(load, &rounds);
            }
        }
        Ok(())
    }
}

/// A process of this program, spoken to in lines.
struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(words: &[&str], on_one_core: bool) -> Result<Self, Failed> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        // Inherited from this thread, which has nothing else to do.
        let mut child =
            if on_one_core { std::thread::spawn(move || on_first_core(command)).join() } else { Ok(command.spawn()) }
                .map_err(|_| "the starting thread panicked")??;
        let input = child.stdin.take().ok_or("no input")?;
        let output = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok(Self { child, input, output })
    }

    fn line(&mut self) -> Result<String, Failed> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.is_empty() { Err("a process ended without its answer".into()) } else { Ok(line.trim().to_owned()) }
    }

    fn ask(&mut self) -> Result<String, Failed> {
        writeln!(self.input)?;
        self.line()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Either it has ended, or it is to.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn on_first_core(mut command: Command) -> std::io::Result<Child> {
    usage::use_one_core()?;
    command.spawn()
}

fn measure(peer: Peer, load: Load) -> Result<Measured, Failed> {
    let alone = load.in_flight == 1;
    let mut server = Process::start(&["serve", peer.name()], alone)?;
    let address = server.line()?;
    let numbers = [load.in_flight.to_string(), load.payload.to_string(), load.seconds.to_string()];
    let mut client = Process::start(&["drive", peer.name(), &address, &numbers[0], &numbers[1], &numbers[2]], alone)?;
    client.line()?;
    let before: u64 = server.ask()?.parse()?;
    let answer = client.ask()?;
    let after: u64 = server.ask()?.parse()?;
    let mut answer = answer.split(' ').map(str::parse::<u64>);
    let mut number = || answer.next().ok_or("an answer is short");
    Ok(Measured {
        calls: number()?? as f64,
        time: Duration::from_nanos(number()??),
        client: Duration::from_nanos(number()??),
        server: Duration::from_nanos(after - before),
    })
}
