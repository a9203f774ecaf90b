//! A cluster whose nodes are a list that every node is given: no coordinator, no failover.

use std::collections::HashSet;

use super::assign;
use super::view::{GroupView, SlotRange, is_dialable};
use crate::node::{NodeId, NodeInfo};
use crate::slot::Slot;

/// What a node of a fixed cluster calls the way its membership is kept.
pub const FIXED: &str = "fixed";

/// The epoch of every slot of a fixed cluster: its owners never change.
const FIXED_EPOCH: u64 = 1;

/// The list of a fixed cluster's nodes, the same on each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedNodes {
    nodes: Vec<NodeInfo>,
}

/// A list that makes no cluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNodes {
    /// No node at all.
    #[error("the list of nodes is empty: give at least this node's own address")]
    Empty,
    /// An address that nobody could dial.
    #[error("{0:?} is no node address: write host:port, such as 127.0.0.1:7001")]
    BadAddress(String),
    /// The same address twice.
    #[error("{0} stands twice in the list of nodes")]
    Twice(String),
    /// Nobody to hold the slots.
    #[error("every node has weight 0: at least one must hold slots")]
    NoWeight,
}

/// What may stand in a list of nodes: an address, or an address with a weight.
pub trait IntoNode {
    /// The address and the weight.
    fn into_node(self) -> (String, u32);
}

impl<A: ToString> IntoNode for (A, u32) {
    fn into_node(self) -> (String, u32) {
        (self.0.to_string(), self.1)
    }
}

macro_rules! equal_weight {
    ($($address:ty),*) => {$(
        impl IntoNode for $address {
            fn into_node(self) -> (String, u32) {
                (self.to_string(), 1)
            }
        }
    )*};
}

equal_weight!(&str, String, &String, std::net::SocketAddr, &std::net::SocketAddr);

impl FixedNodes {
    /// The cluster of these nodes. Their order does not matter.
    ///
    /// # Errors
    /// [`BadNodes`] when the list is empty, an address is not `host:port` or stands twice, or all weights are 0.
    pub fn new<N: IntoNode>(nodes: impl IntoIterator<Item = N>) -> Result<Self, BadNodes> {
        let mut seen = HashSet::new();
        let mut list = Vec::new();
        for (address, weight) in nodes.into_iter().map(IntoNode::into_node) {
            if !is_dialable(&address) {
                return Err(BadNodes::BadAddress(address));
            }
            if !seen.insert(address.clone()) {
                return Err(BadNodes::Twice(address));
            }
            list.push(NodeInfo { id: NodeId::new(address.as_str()), address, weight });
        }
        if list.is_empty() {
            return Err(BadNodes::Empty);
        }
        if list.iter().all(|node| node.weight == 0) {
            return Err(BadNodes::NoWeight);
        }
        list.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Self { nodes: list })
    }

    /// The nodes, by id.
    pub fn nodes(&self) -> &[NodeInfo] {
        &self.nodes
    }

    /// The cluster's id: a hash of the list, so that nodes given different lists refuse each other.
    pub fn cluster_id(&self) -> String {
        // FNV-1a over 128 bits: this guards against mistakes, not against forgers.
        let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        for node in &self.nodes {
            for byte in format!("{} {}\n", node.address, node.weight).bytes() {
                hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
            }
        }
        let hex = format!("{hash:032x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// Who owns what: shares by weight, the same on every node that computes it.
    ///
    /// # Panics
    /// Never: `new` has refused the one list that cannot be assigned.
    pub fn slots(&self) -> GroupView {
        let weights: Vec<u32> = self.nodes.iter().map(|node| node.weight).collect();
        let free = vec![None; usize::from(Slot::COUNT)];
        let owners = assign::assign(&free, &weights).expect("a fixed list has at least one node with a weight");
        let mut slots: Vec<SlotRange> = Vec::new();
        for (slot, owner) in Slot::all().zip(owners) {
            let node = usize::from(owner);
            match slots.last_mut() {
                Some(run) if run.node == node => run.last = slot,
                _ => slots.push(SlotRange { first: slot, last: slot, node, epoch: FIXED_EPOCH }),
            }
        }
        GroupView { nodes: self.nodes.clone(), slots }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_list_does_not_matter_and_the_weights_do() {
        let a = FixedNodes::new(["h:1", "h:2", "h:3"]).expect("good");
        let b = FixedNodes::new(["h:3", "h:1", "h:2"]).expect("good");
        assert_eq!((a.cluster_id(), a.slots()), (b.cluster_id(), b.slots()));
        let c = FixedNodes::new([("h:1", 2), ("h:2", 1), ("h:3", 1)]).expect("good");
        assert_ne!(a.cluster_id(), c.cluster_id());
        let held = |view: &GroupView, node| {
            view.slots
                .iter()
                .filter(|run| run.node == node)
                .map(|run| run.last.get() - run.first.get() + 1)
                .sum::<u16>()
        };
        assert_eq!(held(&c.slots(), 0), 8192);
        assert!((5461..=5462).contains(&held(&a.slots(), 1)));
    }

    #[test]
    fn a_list_that_makes_no_cluster_is_refused() {
        assert_eq!(FixedNodes::new(Vec::<String>::new()), Err(BadNodes::Empty));
        assert_eq!(FixedNodes::new(["http://h:1"]), Err(BadNodes::BadAddress("http://h:1".into())));
        assert_eq!(FixedNodes::new(["h:1", "h:1"]), Err(BadNodes::Twice("h:1".into())));
        assert_eq!(FixedNodes::new([("h:1", 0)]), Err(BadNodes::NoWeight));
    }
}
