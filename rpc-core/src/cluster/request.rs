//! What an operator asks of a cluster: the body of `POST /wherever/operate`, and its answer.

use serde::{Deserialize, Serialize};

/// A request. Nodes are named by id or by address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Moves slots from one node to another.
    Move {
        /// The group.
        group: String,
        /// Whose slots.
        from: String,
        /// Whose they shall be.
        to: String,
        /// How many.
        slots: u32,
        /// Only tell what would be done.
        #[serde(default)]
        dry_run: bool,
    },
    /// Spreads the slots by weight, now.
    Rebalance {
        /// The group.
        group: String,
        /// Only tell what would be done.
        #[serde(default)]
        dry_run: bool,
    },
    /// Moves all slots away from a node and gives it no new ones; or ends that.
    Drain {
        /// The node.
        node: String,
        /// Whether it is to be drained.
        #[serde(default = "yes")]
        on: bool,
    },
    /// Gives a node another weight than its own.
    Weight {
        /// The node.
        node: String,
        /// Its share, relative to the others.
        weight: u32,
    },
    /// Takes a node's right to execute for ever: its slots go to others, and what only it holds is lost.
    Fence {
        /// The node.
        node: String,
    },
}

fn yes() -> bool {
    true
}

/// What will be, or would be, done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The moves, in order.
    pub moves: Vec<PlannedMove>,
    /// What else there is to say, for people.
    pub message: String,
    /// The id of the order under which the answering node carries the moves out, if it does so itself: see
    /// [`OrderView`](super::view::OrderView).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
}

/// Slots that go from one node to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedMove {
    /// Whose slots.
    pub from: String,
    /// Whose they shall be.
    pub to: String,
    /// How many.
    pub slots: u32,
}

/// Why a request is not carried out; the body of an answer with status 409.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// A sentence.
    pub error: String,
}
