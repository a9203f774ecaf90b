//! All nodes in turn.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::Policy;
use crate::node::{NodeId, NodeInfo};

/// Whose turn it is.
#[derive(Debug, Default)]
pub(super) struct RoundRobin(AtomicUsize);

impl Policy for RoundRobin {
    fn pick(&self, candidates: &[&NodeInfo], _here: Option<&NodeId>) -> Option<usize> {
        let turn = self.0.fetch_add(1, Ordering::Relaxed);
        turn.checked_rem(candidates.len())
    }
}
