//! Who may touch a map's slots, and which: the running call, its own slot, in its own epoch, while the node has authority.

use crate::call::Context;
use crate::error::{Executed, Kind, RpcError};
use crate::slot::Slot;

/// Asks whether the node may execute at this moment.
pub(crate) type MayExecute = Box<dyn Fn() -> bool + Send + Sync>;

/// What stands between a provider and the slots of a map.
pub(crate) enum Gate {
    /// A map of its own, for tests: every slot is open, and nobody is asked.
    Standalone,
    /// A map of a node.
    Node {
        /// The group whose slots these are.
        group: String,
        /// Whether the node may execute.
        may_execute: MayExecute,
    },
    /// A map that no node knows, and why.
    Nowhere(&'static str),
}

impl Gate {
    /// The epoch under which `slot`, that of `key`'s, must be open for the running call; `None` if that does not matter.
    pub(super) fn admit(&self, map: &str, slot: Slot) -> Result<Option<u64>, RpcError> {
        let group = match self {
            Self::Standalone => return Ok(None),
            Self::Nowhere(why) => {
                return Err(untouched(Kind::Internal, format!("the state {map} belongs to no node: {why}")));
            }
            Self::Node { group, .. } => group,
        };
        Context::with_current(|current| {
            let outside = || {
                let message = format!(
                    "the state {map} was used outside of a call, where there is no slot; in a task of the provider's own, use `Context::scope`"
                );
                untouched(Kind::Internal, message)
            };
            let context = current.ok_or_else(outside)?;
            let method = context.method().ok_or_else(outside)?;
            let Some(running) = context.slot() else {
                let message = format!(
                    "{} has no key, so it has no slot of {map} to change: it can visit all with `each_owned`",
                    method.full_name
                );
                return Err(untouched(Kind::Internal, message));
            };
            if method.group != group {
                let message = format!(
                    "{} runs in group {}, but {map} is kept by the slots of group {group}: register it there",
                    method.full_name, method.group
                );
                return Err(untouched(Kind::SlotMismatch, message));
            }
            if running != slot {
                let message = format!(
                    "the key asked of {map} is in slot {slot}, but {} was called for slot {running}: a provider reaches only what lies in its call's slot",
                    method.full_name
                );
                return Err(untouched(Kind::SlotMismatch, message).at_slot(running, context.epoch()));
            }
            Ok(Some(context.epoch()))
        })
    }

    /// Whether the slots count as open without having been opened.
    pub(super) fn is_standalone(&self) -> bool {
        matches!(self, Self::Standalone)
    }

    /// Refuses when the node's authority has lapsed. Asked last, when all that is left to do is the change itself.
    pub(super) fn check_authority(&self, map: &str) -> Result<(), RpcError> {
        match self {
            Self::Node { may_execute, .. } if !may_execute() => {
                let message = format!("the node's right to execute lapsed during the call: {map} was not changed");
                Err(RpcError::new(Kind::NoAuthority, message).with_executed(Executed::Maybe))
            }
            _ => Ok(()),
        }
    }
}

/// An error that left the map as it was. What the method did before is the caller's to say.
pub(super) fn untouched(kind: Kind, message: String) -> RpcError {
    RpcError::new(kind, message).with_executed(Executed::No)
}

/// The slot went on while the call ran, or was never opened here.
pub(super) fn not_open(map: &str, slot: Slot, asked: u64, open: u64) -> RpcError {
    let now = match open {
        0 => "is not open here".to_owned(),
        epoch => format!("has epoch {epoch} by now"),
    };
    let message = format!("the call entered slot {slot} in epoch {asked}, the slot {now}: {map} was not changed");
    // The call began in good faith, and what else it has done is not known here.
    RpcError::new(Kind::WrongEpoch, message).with_executed(Executed::Maybe).at_slot(slot, open)
}
