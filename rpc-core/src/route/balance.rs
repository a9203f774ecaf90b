//! Balancing policies: which node runs a method that any node can run. A policy is a file in this folder and an arm in `pick`.

mod prefer_here;
mod round_robin;

use crate::node::{NodeId, NodeInfo};
use crate::service::Balancing;

/// The state of all policies of one program.
#[derive(Debug, Default)]
pub struct Balance {
    round_robin: round_robin::RoundRobin,
}

/// One policy.
pub(crate) trait Policy {
    /// The index of the node to ask, among `candidates`; `here` is this node, if it provides the service.
    fn pick(&self, candidates: &[&NodeInfo], here: Option<&NodeId>) -> Option<usize>;
}

impl Balance {
    /// The node that `policy` picks; `None` only if there are no candidates.
    pub fn pick<'a>(
        &self,
        policy: Balancing,
        candidates: &[&'a NodeInfo],
        here: Option<&NodeId>,
    ) -> Option<&'a NodeInfo> {
        let index = match policy {
            Balancing::PreferHere => prefer_here::PreferHere(&self.round_robin).pick(candidates, here),
            Balancing::RoundRobin => self.round_robin.pick(candidates, here),
        };
        candidates.get(index?).copied()
    }
}
