//! The protocols of ownership, checked exhaustively: the machines of `rpc-core` that run in production, driven through every order of
//! events that a small cluster allows.
//!
//! One slot is on its way from node a to node b. Clients send calls to either and send them again under the same id; answers get
//! lost, transactions arrive late or never, authority runs out and is renewed, a node crashes, somebody aborts, and the controller
//! fences a node that may well be alive. In each state that this can lead to, at most one node may execute, no call has been executed
//! twice, and whoever serves has every acknowledged call, unless its loss was declared.
//!
//! - [`coordinator`]: the records, changed by compare-and-set only
//! - [`node`]: one node: the machines, its state, and the driver between them
//! - [`cluster`]: all of it as a [`stateright::Model`]
//!
//! A model that finds nothing proves little. [`Bug`] plants mistakes that real systems have made into the *drivers*, and the tests
//! show that each is found.

pub mod cluster;
pub mod coordinator;
pub mod node;

/// A mistake of the driver's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bug {
    /// A source that has waited for long enough unseals, without having read that the move was aborted.
    TimerUnseals,
    /// The last answers are given while calls still run and are taken in.
    NoSeal,
    /// The slots of a fenced node are given away before its authority must have ended.
    NoWait,
    /// The records of calls that ran do not move with the slot.
    DedupStays,
    /// The target serves once it has committed, before the record says so.
    ServesBeforeActive,
    /// A target that has given up throws its copy away, without having read that its commit was not applied.
    TimerDiscards,
}

impl Bug {
    /// Every mistake.
    pub const ALL: [Self; 6] = [
        Self::TimerUnseals,
        Self::NoSeal,
        Self::NoWait,
        Self::DedupStays,
        Self::ServesBeforeActive,
        Self::TimerDiscards,
    ];
}
