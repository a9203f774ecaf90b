//! `wherever up`: several nodes of one program on one machine, behind one front port.
//!
//! - `words`: the command line of each node
//! - `child`: a node's process, its output and its end
//! - `fleet`: all of them, from the start to the end
//! - `front`: the port before them

mod child;
mod fleet;
mod front;
mod words;

use std::net::Ipv4Addr;

use clap::Args;
use tokio::net::TcpListener;

use crate::failure::Failure;
use crate::options::Options;
use crate::terminal::Screen;
use fleet::{Fleet, Signals};
use words::Place;

/// Most nodes: more of them on one machine prove nothing that these do not.
const MAX_NODES: i64 = 64;

const EXAMPLES: &str = "\
In the program's arguments {listen} stands for the node's own host:port, {join} for the URL of the first node, {nodes} for the
list of all host:port, {index} for the node's number from 1. Where none of them occurs, the first node is started with
`node --listen HOST:PORT --seed` after the arguments, the others with `node --listen HOST:PORT --join URL`.

Every node must answer GET /readyz (or /wherever/ready) with 200 before the front opens; --timeout bounds the wait [default: 60s].
The front passes each connection to a ready node in turn. With --port P the nodes listen at P+1, P+2 and so on, else at free
ports. Nodes that end are not started again. Ctrl-C ends all of them in order, a second one at once.
With --json standard output has a line for each event, and what the programs write goes to standard error.

Examples:
  wherever up --nodes 3 --port 7000 -- ./app
  wherever up --nodes 3 -- ./echo node --listen {listen} --nodes {nodes}
  wherever up --nodes 2 -- env NODE={index} ./app --listen {listen} --join {join}";

/// Run several nodes of a program on this machine, behind one port
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Up {
    /// How many nodes
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u16).range(1..=MAX_NODES))]
    nodes: u16,
    /// The front's port on 127.0.0.1; the nodes take those after it [default: a free one]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    program: Vec<String>,
}

impl Up {
    pub(crate) async fn run(&self, options: &Options, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let mut signals = Signals::listen()?;
        let front = listen(self.port.unwrap_or(0)).await?;
        let places = self.places().await?;
        let mut fleet = Fleet::start(&self.program, &places)?;
        let outcome = fleet.run(front, options.start_time(), &mut signals, screen).await;
        // However it went: no process outlives this one.
        let ended = fleet.end(&mut signals, screen).await;
        outcome.and(ended)
    }

    /// Where the nodes will listen: ports that were free a moment ago.
    async fn places(&self) -> Result<Vec<Place>, Failure> {
        let mut taken = Vec::new();
        for number in 1..=self.nodes {
            let port = match self.port {
                None => 0,
                Some(front) => front.checked_add(number).ok_or_else(|| {
                    Failure::Usage(format!("there are not {} ports after {front}: choose a lower --port", self.nodes))
                })?,
            };
            taken.push(listen(port).await?);
        }
        let address = |listener: &TcpListener| listener.local_addr().map(|address| address.to_string());
        let addresses: Vec<String> = taken.iter().map(address).collect::<Result<_, _>>()?;
        Ok(words::places(&addresses))
    }
}

async fn listen(port: u16) -> Result<TcpListener, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
        Failure::Program(format!("127.0.0.1:{port} cannot be listened at: {error}; choose another --port"))
    })
}
