//! The cluster as a node tells it to others: the body of `GET /wherever/cluster`.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::limits::{EPOCHS, MAX_GROUPS, MAX_NODE_ID, MAX_NODES};
use crate::node::{NodeId, NodeInfo};
use crate::slot::Slot;

/// Version of the view's shape; a reader refuses a later one.
pub const VIEW_FORMAT: u32 = 1;

/// Members, slots and services, as one node knows them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterView {
    /// [`VIEW_FORMAT`].
    pub format: u32,
    /// The cluster's id: nodes of different ids refuse each other.
    pub cluster: String,
    /// The answering node.
    pub node: NodeId,
    /// How membership is kept: `fixed`, `embedded`, `etcd`.
    pub coordinator: String,
    /// What is in motion; absent in a fixed cluster, where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveView>,
    /// The slot map of each group.
    pub groups: BTreeMap<String, GroupView>,
    /// The services that the answering node knows.
    pub services: Vec<ServiceView>,
    /// What the answering node counted since its start.
    pub counts: CountsView,
}

/// One group: its nodes, and runs of slots with their owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupView {
    /// The nodes; `slots` refers to them by position.
    pub nodes: Vec<NodeInfo>,
    /// Runs of slots of one owner and epoch, ascending.
    pub slots: Vec<SlotRange>,
}

impl GroupView {
    /// How many slots `node` owns.
    pub fn slots_of(&self, node: &NodeId) -> u32 {
        let is_its = |run: &&SlotRange| self.nodes.get(run.node).is_some_and(|info| info.id == *node);
        self.slots.iter().filter(is_its).map(SlotRange::len).sum()
    }
}

/// A run of slots with one owner and one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotRange {
    /// First slot.
    pub first: Slot,
    /// Last slot, which belongs to the run.
    pub last: Slot,
    /// The owner's position among the group's nodes.
    pub node: usize,
    /// The epoch of these slots.
    pub epoch: u64,
}

impl SlotRange {
    /// How many slots the run has; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a run is never empty")]
    pub fn len(&self) -> u32 {
        u32::from(self.last.get()) - u32::from(self.first.get()) + 1
    }
}

/// What is in motion in a live cluster, as the answering node knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveView {
    /// The revision of the coordinator's records that this tells.
    pub revision: u64,
    /// The node that plans, if one is elected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<NodeId>,
    /// The answering node's right to execute: `held`, `lapsed`, `not_started`, `not_yet`, `fenced`, `stopped`, `left`.
    pub authority: String,
    /// How long it still lasts, in milliseconds; 0 unless it is held.
    pub authority_ms: u64,
    /// Why the node stopped, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Every node that is registered.
    pub nodes: Vec<LiveNode>,
    /// Moves that are not cleaned up yet.
    pub moves: Vec<MoveView>,
    /// Moves that operators ordered of the answering node: those under way, and some that are over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<OrderView>,
    /// Slots that should move and cannot; they are tried again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stuck: Vec<StuckView>,
    /// Runs of slots that are moving or recovering.
    pub unsettled: Vec<UnsettledView>,
    /// State that was lost because its owner died, newest last, of which the answering node took over the slots.
    pub losses: Vec<LossView>,
    /// Calls that wait at the answering node for a slot.
    pub parked: u64,
}

/// A node that is registered with the coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveNode {
    /// Its name.
    pub id: NodeId,
    /// `host:port`.
    pub address: String,
    /// This start of it, in hexadecimal.
    pub incarnation: String,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Its weight: an operator's if there is one, otherwise its own.
    pub weight: u32,
    /// `serving`, `leaving`, `draining` (an operator's doing) or `fenced`.
    pub state: String,
    /// The groups whose services it provides.
    pub groups: Vec<String>,
}

/// A planned move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveView {
    /// Its id.
    pub id: String,
    /// The group.
    pub group: String,
    /// Whose slots they are.
    pub from: NodeId,
    /// Whose they shall be.
    pub to: NodeId,
    /// How many slots.
    pub slots: u32,
    /// `copy`, `committed`, `active` or `aborted`.
    pub phase: String,
}

/// Slots that an operator ordered to be moved. What is neither arrived nor `elsewhere` nor `stays` is on its way or waits for that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderView {
    /// Its id, which the operator was told; never given twice.
    pub id: String,
    /// The group.
    pub group: String,
    /// Whose slots they were.
    pub from: NodeId,
    /// Whose they shall be.
    pub to: NodeId,
    /// How many slots.
    pub slots: u32,
    /// How many of them have arrived.
    pub arrived: u32,
    /// How many have gone to a third node: by another order, by a rebalance, or because their owner died.
    pub elsewhere: u32,
    /// How many stay where they are.
    pub stays: u32,
    /// Why, of one of those that stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether nothing is done for it any more.
    pub over: bool,
}

/// Slots that cannot be moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StuckView {
    /// The group.
    pub group: String,
    /// Whose they are, and stay for now.
    pub from: NodeId,
    /// Whose they should be.
    pub to: NodeId,
    /// The slots.
    pub slots: Vec<Slot>,
    /// Why they cannot be moved, as a sentence.
    pub why: String,
    /// How many moves have failed, one after the other.
    pub tries: u32,
    /// When they are tried again, in milliseconds; 0 if that is due.
    pub again_ms: u64,
}

/// A run of slots that is not stable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsettledView {
    /// The group.
    pub group: String,
    /// First slot.
    pub first: Slot,
    /// Last slot, which belongs to the run.
    pub last: Slot,
    /// `moving` or `recovering`.
    pub state: String,
}

/// State that was lost with its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossView {
    /// The group.
    pub group: String,
    /// The owner that died.
    pub node: NodeId,
    /// How many slots it held whose state could not be recovered.
    pub slots: u32,
}

/// A service, for people and for clients of other languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceView {
    /// Its name on the wire.
    pub name: String,
    /// Its group.
    pub group: String,
    /// Whether the answering node provides it.
    pub provided: bool,
    /// Its methods.
    pub methods: Vec<MethodView>,
}

/// A method of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodView {
    /// Its name on the wire.
    pub name: String,
    /// `key`, `any`, `all` or `here`.
    pub routing: String,
    /// The arguments' names.
    pub params: Vec<String>,
    /// What the key is made of.
    pub key: Vec<String>,
    /// `read`, `idempotent`, `streams`, `detach`.
    pub marks: Vec<String>,
    /// The first line of its documentation.
    pub summary: String,
}

/// Calls counted by one node since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountsView {
    /// Calls of this node's clients that ran here as plain method calls.
    pub local: u64,
    /// Calls that this node sent to others, forwarded ones among them.
    pub remote: u64,
    /// Redirects that this node's calls followed.
    pub redirects: u64,
    /// Further tries after a failure.
    pub retries: u64,
    /// Calls served for others.
    pub served: u64,
    /// Calls in flight that came over the network.
    pub in_flight: u64,
    /// Streams that calls from the network have opened.
    #[serde(default)]
    pub streams: u64,
}

impl ClusterView {
    /// Checks what a peer sent before anything is made of it.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn check(&self) -> Result<(), String> {
        if self.format != VIEW_FORMAT {
            return Err(format!("the view has format {}, this program reads {VIEW_FORMAT}", self.format));
        }
        if self.groups.len() > MAX_GROUPS {
            return Err(format!("the view has {} groups, more than {MAX_GROUPS}", self.groups.len()));
        }
        self.groups.iter().try_for_each(|(name, group)| self.check_group(name, group))
    }

    fn check_group(&self, name: &str, group: &GroupView) -> Result<(), String> {
        if group.nodes.len() > MAX_NODES {
            return Err(format!("group {name:?} has {} nodes, more than {MAX_NODES}", group.nodes.len()));
        }
        let is_sound = |id: &str| !id.is_empty() && id.len() <= MAX_NODE_ID && !id.chars().any(char::is_control);
        let mut ids = HashSet::new();
        for node in &group.nodes {
            if !is_sound(node.id.as_str()) || !ids.insert(&node.id) {
                return Err(format!("group {name:?} has a node whose id is unreadable or stands twice"));
            }
            if !is_dialable(&node.address) {
                return Err(format!("node {} has the address {:?}, which is not host:port", node.id, node.address));
            }
        }
        let orderly = group.slots.windows(2).all(|pair| pair[0].last < pair[1].first);
        let sound =
            group.slots.iter().all(|run| run.first <= run.last && run.node < group.nodes.len() && run.epoch < EPOCHS);
        if !orderly || !sound {
            return Err(format!("the slots of group {name:?} are out of order, overlap, or name unknown nodes"));
        }
        Ok(())
    }
}

/// Whether `address` is a plain `host:port`: no scheme, path, user or white space that would lead a dialer elsewhere.
pub fn is_dialable(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_ok = match bare {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.len() <= 253
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        }
    };
    host_ok && port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_are_dialed() {
        for good in ["127.0.0.1:80", "node-1.internal:7000", "[::1]:7000"] {
            assert!(is_dialable(good), "{good}");
        }
        for bad in [
            "",
            "host",
            "host:",
            "host:0",
            "host:99999",
            "http://host:80",
            "a@b:80",
            "host:80/x",
            "::1:80",
            "h st:80",
            "host:+80",
            "[x]:80",
        ] {
            assert!(!is_dialable(bad), "{bad}");
        }
    }
}
