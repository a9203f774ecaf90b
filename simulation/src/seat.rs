//! A host with a node on it, start after start.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::sleep;
use turmoil::net::TcpListener;
use wherever::{Node, Pace, Status, Timing};

use crate::bug::Bug;
use crate::callers::Callers;
use crate::chance;
use crate::clock::DriftingClock;
use crate::coordinator::FarCoordinator;
use crate::history::{History, now};
use crate::ledger::Book;
use crate::transport::{self, SimulatedTransport};
use crate::wire::PORT;

/// How often a node looks whether it is told to leave.
const LOOK: Duration = Duration::from_millis(50);

/// Longest wait of a leaving node for its slots to be taken.
const HAND_OVER: Duration = Duration::from_secs(4);

/// One node's place in the simulation, which outlives the node.
pub(crate) struct Seat {
    pub(crate) name: String,
    /// Set to make the node leave in good order.
    pub(crate) leaves: AtomicBool,
    /// Whether a node that stops is what is to be expected.
    pub(crate) may_stop: Arc<AtomicBool>,
    starts: AtomicU64,
    clock: Arc<DriftingClock>,
    callers: Callers,
    history: History,
    bug: Option<Bug>,
}

/// The timing of all nodes: shorter than usual, so that more happens in a minute.
pub(crate) fn timing() -> Timing {
    Timing::new(Duration::from_secs(2), Duration::from_millis(1600), 1).unwrap_or_default()
}

impl Seat {
    pub(crate) fn new(
        index: usize,
        callers: Callers,
        history: History,
        bug: Option<Bug>,
        may_stop: Arc<AtomicBool>,
    ) -> Arc<Self> {
        let drift = chance::below(19) as i32 - 9;
        let clock = Arc::new(DriftingClock::new(chance::millis(1000..1_000_000), drift));
        let (name, leaves, starts) = (format!("n{index}"), AtomicBool::new(false), AtomicU64::new(0));
        Arc::new(Self { name, leaves, may_stop, starts, clock, callers, history, bug })
    }

    /// The node's address.
    pub(crate) fn address(&self) -> String {
        format!("{}:{PORT}", self.name)
    }

    /// A node from its start to its end.
    pub(crate) async fn live(self: Arc<Self>) -> io::Result<()> {
        let start = self.starts.fetch_add(1, Ordering::Relaxed) + 1;
        self.leaves.store(false, Ordering::Relaxed);
        self.history.note(now(), &format!("{} starts for time {start}", self.name));
        let node = self.build(start).map_err(io::Error::other)?;
        let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
        tokio::spawn(transport::serve(listener, node.router()));
        let membership = node.start();
        tokio::spawn(self.callers.clone().call(node.client(), self.name.clone()));
        loop {
            if self.leaves.swap(false, Ordering::Relaxed) {
                self.history.note(now(), &format!("{} leaves", self.name));
                node.hand_over().await;
                node.leave();
                node.end().await;
                membership.end().await;
                return Ok(());
            }
            tokio::select! {
                biased;
                () = node.stopped() => {
                    if let Status::Stopped(why) = node.status() {
                        let line = format!("{} stopped: {why}", self.name);
                        match self.may_stop.load(Ordering::Relaxed) {
                            true => self.history.note(now(), &line),
                            false => self.history.violated(line),
                        }
                    }
                    return Ok(());
                }
                () = sleep(LOOK) => {}
            }
        }
    }

    fn build(&self, start: u64) -> Result<Node, wherever::StartError> {
        let history = self.history.clone();
        let builder = Node::builder()
            .only_given()
            .advertise(self.address())
            .coordinator(Arc::new(FarCoordinator))
            .transport(Arc::new(SimulatedTransport { bug: self.bug }))
            .clock(self.clock.clone(), chance::random)
            .timing(timing())
            .pace(Pace { join: Duration::from_millis(300), ..Pace::default() })
            .hand_over_time(HAND_OVER)
            .default_deadline(crate::callers::DEADLINE)
            .provide_with(move |wherever| Book::on(wherever, history, start));
        match self.bug.and_then(Bug::planted) {
            Some(mistake) => builder.plant(mistake),
            None => builder,
        }
        .build()
    }
}
