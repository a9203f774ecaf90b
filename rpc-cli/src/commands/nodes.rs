//! `wherever nodes`: who is in the cluster, and with how much of it.

use std::collections::BTreeMap;

use clap::Args;
use rpc_core::cluster::view::{ClusterView, CountsView, GroupView};
use rpc_core::node::{NodeId, NodeInfo};
use rpc_core::slot::Slot;
use serde::Serialize;

use crate::failure::Failure;
use crate::json;
use crate::node::Node;
use crate::options::Options;
use crate::terminal::Screen;

const EXAMPLES: &str = "\
The node asked has a * under ASKED. The table is what that node knows: no other is contacted.

Examples:
  wherever nodes --node http://127.0.0.1:7001
  wherever nodes --node 127.0.0.1:7001 --json | jq '.groups.default[].slots'";

/// List the nodes of the cluster and how many slots each one owns
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Nodes {}

impl Nodes {
    pub(crate) async fn run(&self, options: &Options, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let view = Node::named(options)?.view().await?;
        show(screen, &view)
    }
}

/// A node and its part of a group.
#[derive(Serialize)]
struct Member<'a> {
    #[serde(flatten)]
    node: &'a NodeInfo,
    slots: u32,
}

fn show(screen: &mut Screen<'_>, view: &ClusterView) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Line<'a> {
        cluster: &'a str,
        coordinator: &'a str,
        node: &'a NodeId,
        groups: BTreeMap<&'a str, Vec<Member<'a>>>,
        counts: CountsView,
    }
    let groups: BTreeMap<_, _> = view.groups.iter().map(|(name, group)| (name.as_str(), members(group))).collect();
    if screen.json {
        let ClusterView { cluster, coordinator, node, counts, .. } = view;
        return Ok(json::write_line(screen.out, &Line { cluster, coordinator, node, groups, counts: *counts })?);
    }
    let rows = groups.iter().flat_map(|(name, members)| members.iter().map(|member| row(name, member, &view.node)));
    screen.table(["NODE", "ADDRESS", "WEIGHT", "GROUP", "SLOTS", "SHARE", "ASKED"], rows)?;
    Ok(screen.seen_by(&view.node)?)
}

fn members(group: &GroupView) -> Vec<Member<'_>> {
    let mut members: Vec<_> = group.nodes.iter().map(|node| Member { node, slots: 0 }).collect();
    for run in &group.slots {
        if let Some(member) = members.get_mut(run.node) {
            member.slots += u32::from(run.last.get() - run.first.get()) + 1;
        }
    }
    members
}

fn row(group: &str, Member { node, slots }: &Member<'_>, asked: &NodeId) -> [String; 7] {
    [
        node.id.to_string(),
        node.address.clone(),
        node.weight.to_string(),
        group.to_owned(),
        slots.to_string(),
        format!("{:.1} %", 100.0 * f64::from(*slots) / f64::from(Slot::COUNT)),
        if node.id == *asked { "*" } else { "" }.to_owned(),
    ]
}
