//! `wherever nodes`: who is in the cluster, and with how much of it.

use std::collections::BTreeMap;
use std::io;

use clap::Args;
use rpc_core::cluster::view::{ClusterView, CountsView, LiveNode, LiveView, LossView};
use rpc_core::error::bounded;
use rpc_core::node::NodeId;
use serde::Serialize;

use crate::failure::Failure;
use crate::json;
use crate::live;
use crate::map::share;
use crate::node::Node;
use crate::options::Options;
use crate::terminal::Screen;

const EXAMPLES: &str = "\
The node asked has a * under ASKED, the one that plans has a * under LEADER. A node that is GONE is registered no more, and
its slots wait for others to take them over. The table is what the node asked knows: no other is contacted.

Examples:
  wherever nodes --node http://127.0.0.1:7001
  wherever nodes --node 127.0.0.1:7001 --json | jq '.groups.default[].slots'";

/// List the nodes of the cluster, how they stand and how many slots each one owns
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Nodes {}

impl Nodes {
    pub(crate) async fn run(&self, options: &Options, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let view = Node::named(options)?.view().await?;
        if screen.json {
            return Ok(json::write_line(screen.out, &Line::of(&view))?);
        }
        show(screen, &view)?;
        Ok(screen.seen_by(&view.node)?)
    }
}

/// The cluster, as scripts read it.
#[derive(Serialize)]
struct Line<'a> {
    cluster: &'a str,
    coordinator: &'a str,
    node: &'a NodeId,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<&'a LiveView>,
    groups: BTreeMap<&'a str, Vec<Member<'a>>>,
    counts: CountsView,
}

impl<'a> Line<'a> {
    fn of(view: &'a ClusterView) -> Self {
        let ClusterView { cluster, coordinator, node, live, groups, counts, .. } = view;
        let groups = groups.keys().map(|name| (name.as_str(), members(view, name))).collect();
        Self { cluster, coordinator, node, live: live.as_ref(), groups, counts: *counts }
    }
}

/// A node and its part of a group.
#[derive(Serialize)]
pub(crate) struct Member<'a> {
    id: &'a NodeId,
    address: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<&'a str>,
    weight: u32,
    /// Absent in a fixed cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a str>,
    slots: u32,
}

/// The nodes of a group: those that own slots or may, and those that are registered for it.
pub(crate) fn members<'a>(view: &'a ClusterView, group_name: &str) -> Vec<Member<'a>> {
    let registered = view.live.as_ref().map(|live| live.nodes.as_slice());
    let of_group = |node: &&LiveNode| node.groups.iter().any(|group| group == group_name);
    let mut members = Vec::new();
    if let Some(group) = view.groups.get(group_name) {
        for node in &group.nodes {
            let live = registered.and_then(|nodes| nodes.iter().find(|live| live.id == node.id));
            let state = registered.map(|_| live.map_or(live::GONE, |live| &live.state));
            let zone = live.and_then(|live| live.zone.as_deref());
            let weight = live.map_or(node.weight, |live| live.weight);
            let slots = group.slots_of(&node.id);
            members.push(Member { id: &node.id, address: &node.address, zone, weight, state, slots });
        }
    }
    for LiveNode { id, address, zone, weight, state, .. } in registered.into_iter().flatten().filter(of_group) {
        if members.iter().all(|member| member.id != id) {
            let zone = zone.as_deref();
            members.push(Member { id, address, zone, weight: *weight, state: Some(state), slots: 0 });
        }
    }
    members
}

/// The table, and what is in motion.
pub(crate) fn show(screen: &mut Screen<'_>, view: &ClusterView) -> io::Result<()> {
    let groups: Vec<_> = view.groups.keys().map(|name| (name.as_str(), members(view, name))).collect();
    let of_groups = groups.iter().flat_map(|(name, members)| members.iter().map(move |member| (*name, member)));
    let mark = |is_marked| if is_marked { "*" } else { "" }.to_owned();
    let Some(live) = &view.live else {
        let rows = of_groups.map(|(name, Member { id, address, weight, slots, .. })| {
            let (weight, asked) = (weight.to_string(), mark(**id == view.node));
            [id.to_string(), (*address).to_owned(), weight, name.to_owned(), slots.to_string(), share(*slots), asked]
        });
        return screen.table(["NODE", "ADDRESS", "WEIGHT", "GROUP", "SLOTS", "SHARE", "ASKED"], rows);
    };
    let rows = of_groups.map(|(name, Member { id, address, zone, weight, state, slots })| {
        [
            id.to_string(),
            (*address).to_owned(),
            zone.unwrap_or_default().to_owned(),
            weight.to_string(),
            state.unwrap_or_default().to_owned(),
            name.to_owned(),
            slots.to_string(),
            share(*slots),
            mark(live.leader.as_ref() == Some(*id)),
            mark(**id == view.node),
        ]
    });
    let header = ["NODE", "ADDRESS", "ZONE", "WEIGHT", "STATE", "GROUP", "SLOTS", "SHARE", "LEADER", "ASKED"];
    screen.table(header, rows)?;
    writeln!(screen.out)?;
    show_motion(screen, view, live)
}

/// Authority, moves and losses, a line each.
fn show_motion(screen: &mut Screen<'_>, view: &ClusterView, live: &LiveView) -> io::Result<()> {
    let authority = format!("authority of {}: {}", view.node, live::authority(live));
    let is_well = live.authority == "held" && live.stopped.is_none();
    let authority = bounded(authority);
    writeln!(screen.out, "{}", if is_well { authority } else { screen.paint.red(&authority) })?;
    if live.leader.is_none() {
        writeln!(screen.out, "{}", screen.paint.red("no leader: nothing is planned until one is elected"))?;
    }
    if live.parked > 0 {
        writeln!(screen.out, "{} calls wait at {} for a slot", live.parked, bounded(view.node.to_string()))?;
    }
    for planned in &live.moves {
        writeln!(screen.out, "{}", live::told(planned))?;
    }
    for order in live.orders.iter().filter(|order| !order.over) {
        writeln!(screen.out, "{}", live::told_order(order))?;
    }
    for LossView { group, node, slots } in &live.losses {
        let loss = bounded(format!("lost with {node}: the state of {slots} slots of {group}"));
        writeln!(screen.out, "{}", screen.paint.red(&loss))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tests::live_view;

    #[test]
    fn a_node_is_listed_before_it_owns_and_after_it_died() {
        let mut view = live_view();
        let live = view.live.as_mut().expect("live");
        live.nodes.remove(1);
        live.nodes.push(LiveNode { id: "n4".into(), state: "draining".to_owned(), ..live.nodes[0].clone() });
        let members = members(&view, "default");
        let found: Vec<_> = members.iter().map(|m| (m.id.as_str(), m.state.expect("live"), m.slots)).collect();
        let expected = [("n1", "serving", 5461), ("n2", "gone", 5461), ("n3", "serving", 5462), ("n4", "draining", 0)];
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!((found.0, found.1), (expected.0, expected.1));
            assert!(found.2.abs_diff(expected.2) <= 1, "{found:?}");
        }
    }
}
