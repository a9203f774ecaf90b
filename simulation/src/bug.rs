//! Mistakes to plant, each of which the simulation must find.

use clap::ValueEnum;
use rpc_server::cluster::Planted;

/// A mistake in the protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Bug {
    /// A source hands its slots over without sealing them.
    NoSeal,
    /// A source serves its sealed slots again after a while, without having read that its move was aborted.
    TimerUnseal,
    /// A fenced node's slots are given away before its authority has ended.
    NoWait,
    /// The records of calls do not move with their slots.
    DedupStays,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::NoSeal, Self::TimerUnseal, Self::NoWait, Self::DedupStays];

    /// The mistake as a node's builder takes it; one that lies in the transport is none of the node's.
    pub(crate) fn planted(self) -> Option<Planted> {
        match self {
            Self::NoSeal => Some(Planted::NoSeal),
            Self::TimerUnseal => Some(Planted::TimerUnseal),
            Self::NoWait => Some(Planted::NoWait),
            Self::DedupStays => None,
        }
    }
}
