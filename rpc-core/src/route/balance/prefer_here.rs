//! This node if it can, else the others in turn: the cheapest call is the one that stays.

use super::Policy;
use super::round_robin::RoundRobin;
use crate::node::{NodeId, NodeInfo};

pub(super) struct PreferHere<'a>(pub(super) &'a RoundRobin);

impl Policy for PreferHere<'_> {
    fn pick(&self, candidates: &[&NodeInfo], here: Option<&NodeId>) -> Option<usize> {
        let here_among_them = here.and_then(|here| candidates.iter().position(|node| node.id == *here));
        here_among_them.or_else(|| self.0.pick(candidates, here))
    }
}
