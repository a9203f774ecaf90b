//! Whole clusters under faults, in simulated time, from a seed.
//!
//! The nodes are real ones, with their drivers and routes; only the clock, the randomness, the network and the coordinator's host are
//! simulated. The same seed gives the same trace.
//!
//! - `chance`, `clock`: the seed's randomness, and clocks that drift
//! - `wire`, `transport`: how hosts speak to each other
//! - `coordinator`: the store of an embedded coordinator, on a host of its own
//! - `ledger`, `history`: the service that is called, and the trace of what happened
//! - `seat`, `callers`, `operator`: the hosts: nodes, programs that call, an operator who moves slots all the time
//! - `faults`: what goes wrong, and when
//! - `run`: one seed from beginning to end
//! - `check`: what must be true of it
//! - `bug`: mistakes to plant, each of which must be found

mod bug;
mod callers;
mod chance;
mod check;
mod clock;
mod coordinator;
mod faults;
mod history;
mod ledger;
mod operator;
mod run;
mod seat;
mod transport;
mod wire;

use std::time::Duration;

pub use bug::Bug;
pub use run::{Options, Report, run};

/// How far simulated time goes at once. Messages take at least as long.
pub(crate) const TICK: Duration = Duration::from_millis(2);
