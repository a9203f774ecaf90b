//! `wherever explain`: from a key to the node that a call with it runs on, step by step.

use std::ffi::OsString;

use clap::Args;
use rpc_core::cluster::view::{ClusterView, GroupView};
use rpc_core::error::bounded;
use rpc_core::node::{NodeId, NodeInfo};
use rpc_core::slot::{Slot, hash_tag};
use serde::Serialize;

use crate::failure::Failure;
use crate::json;
use crate::node::Node;
use crate::options::Options;
use crate::terminal::{Screen, shown};

/// What joins the parts of a key that is several arguments.
const SEPARATOR: u8 = 0x1F;

const EXAMPLES: &str = "\
A key is text, or the plain text of a number, bool or char. (A key of another type is hashed as JSON, all of it.)
The answer is what the node asked knows: no other is contacted, and nothing is called.

Examples:
  wherever explain user:42 --node http://127.0.0.1:7001
  wherever explain '{user:42}.cart' --group urls --node 127.0.0.1:7001
  wherever explain rust 2026-01-31 --node 127.0.0.1:7001    a key of two arguments
  wherever explain user:42 --node 127.0.0.1:7001 --json | jq -r .owner.address";

/// Explain where a key lives: the bytes hashed, the slot, its owner, and how far each node is from it
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Explain {
    /// The key; where a method has several #[key] arguments, all of them in order
    #[arg(value_name = "KEY", required = true)]
    key: Vec<OsString>,
    /// The group of the service that is called (`wherever services` lists them)
    #[arg(long, value_name = "NAME", default_value = "default")]
    group: String,
}

impl Explain {
    pub(crate) async fn run(&self, options: &Options, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let view = Node::named(options)?.view().await?;
        let parts: Vec<&[u8]> = self.key.iter().map(|part| part.as_encoded_bytes()).collect();
        let key = parts.join(&SEPARATOR);
        Explanation::new(&key, &self.group, &view)?.show(screen)
    }
}

/// All that follows from a key, as scripts read it.
#[derive(Serialize)]
struct Explanation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hashed: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hashed_hex: Option<String>,
    hashed_why: &'static str,
    slot: Slot,
    group: &'a str,
    owner: Option<Owner<'a>>,
    epoch: Option<u64>,
    /// The node that was asked: the others may know better.
    asked: &'a NodeId,
    nodes: Vec<Distance<'a>>,
    /// What people see in place of text or hexadecimal.
    #[serde(skip)]
    bytes: (&'a [u8], &'a [u8]),
}

#[derive(Clone, Copy, Serialize)]
struct Owner<'a> {
    id: &'a NodeId,
    address: &'a str,
}

/// What a call from one node takes.
#[derive(Serialize)]
struct Distance<'a> {
    id: &'a NodeId,
    address: &'a str,
    /// `near`, `far`, or `nowhere` when no node owns the slot.
    call: &'static str,
    why: String,
}

impl<'a> Explanation<'a> {
    fn new(key: &'a [u8], group_name: &'a str, view: &'a ClusterView) -> Result<Self, Failure> {
        let group = view.groups.get(group_name).ok_or_else(|| no_group(group_name, view))?;
        let hashed = hash_tag(key);
        let slot = Slot::of_bytes(hashed);
        let owner = owner_of(group, slot);
        let (key_text, key_hex) = json::text_or_hex(key);
        let (hashed_text, hashed_hex) = json::text_or_hex(hashed);
        Ok(Self {
            key: key_text,
            key_hex,
            hashed: hashed_text,
            hashed_hex,
            hashed_why: why_hashed(key),
            slot,
            group: group_name,
            owner: owner.map(|(node, _)| Owner { id: &node.id, address: &node.address }),
            epoch: owner.map(|(_, epoch)| epoch),
            asked: &view.node,
            nodes: group.nodes.iter().map(|node| distance(node, owner.map(|(owner, _)| owner))).collect(),
            bytes: (key, hashed),
        })
    }

    fn show(self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        if screen.json {
            return Ok(json::write_line(screen.out, &self)?);
        }
        let (key, hashed) = self.bytes;
        screen.field("key", &shown(key))?;
        screen.field("hashed", &format!("{}  ({})", shown(hashed), self.hashed_why))?;
        screen.field("slot", &self.slot.to_string())?;
        screen.field("group", &bounded(self.group.to_owned()))?;
        let owner =
            self.owner.map_or_else(|| "nobody".to_owned(), |owner| format!("{} at {}", owner.id, owner.address));
        screen.field("owner", &bounded(owner))?;
        if let Some(epoch) = self.epoch {
            screen.field("epoch", &epoch.to_string())?;
        }
        writeln!(screen.out)?;
        let rows = self.nodes.into_iter().map(|node| [node.id.to_string(), node.call.to_owned(), node.why]);
        screen.table(["FROM", "CALL", "WHY"], rows)?;
        Ok(screen.seen_by(self.asked)?)
    }
}

/// The rule of hash tags, as it applied to this key.
fn why_hashed(key: &[u8]) -> &'static str {
    let Some(open) = key.iter().position(|&byte| byte == b'{') else {
        return "all of the key: it has no {";
    };
    match key[open + 1..].iter().position(|&byte| byte == b'}') {
        None => "all of the key: no } follows its first {",
        Some(0) => "all of the key: nothing stands between its first { and the } after it",
        Some(_) => "the hash tag: what stands between the first { and the } after it",
    }
}

fn owner_of(group: &GroupView, slot: Slot) -> Option<(&NodeInfo, u64)> {
    let run = group.slots.iter().find(|run| run.first <= slot && slot <= run.last)?;
    Some((group.nodes.get(run.node)?, run.epoch))
}

fn distance<'a>(node: &'a NodeInfo, owner: Option<&NodeInfo>) -> Distance<'a> {
    let (call, why) = match owner {
        None => ("nowhere", "no node owns the slot: refused, not executed".to_owned()),
        Some(owner) if owner.id == node.id => ("near", "it owns the slot: a plain method call".to_owned()),
        Some(owner) => ("far", format!("one network call to {}", owner.address)),
    };
    Distance { id: &node.id, address: &node.address, call, why }
}

fn no_group(name: &str, view: &ClusterView) -> Failure {
    let known: Vec<&str> = view.groups.keys().map(String::as_str).collect();
    Failure::Usage(format!("the cluster has no group {name}; it has: {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rpc_core::cluster::fixed::FixedNodes;
    use rpc_core::cluster::view::{CountsView, VIEW_FORMAT};

    use super::*;
    use crate::failure::Exit;
    use crate::terminal::Paint;

    fn view() -> ClusterView {
        let group = FixedNodes::new(["a:1", "b:1", "c:1"]).expect("good").slots();
        ClusterView {
            format: VIEW_FORMAT,
            cluster: "test".to_owned(),
            node: NodeId::new("a:1"),
            coordinator: "fixed".to_owned(),
            live: None,
            groups: BTreeMap::from([("default".to_owned(), group)]),
            services: Vec::new(),
            counts: CountsView::default(),
        }
    }

    #[test]
    fn one_node_is_near_and_the_others_are_far() {
        let view = view();
        for key in ["", "foo", "bar", "{user}.cart", "a\u{1f}b"] {
            let found = Explanation::new(key.as_bytes(), "default", &view).expect("explained");
            assert_eq!(found.slot, Slot::of_text(key.as_bytes()));
            let owner = found.owner.expect("owned").id;
            for node in &found.nodes {
                assert_eq!(node.call, if node.id == owner { "near" } else { "far" }, "{key}");
            }
            assert_eq!(found.epoch, Some(1));
        }
    }

    #[test]
    fn a_slot_without_owner_is_said_to_have_none() {
        let mut view = view();
        view.groups.get_mut("default").expect("there").slots.clear();
        let found = Explanation::new(b"foo", "default", &view).expect("explained");
        assert!(found.owner.is_none() && found.nodes.iter().all(|node| node.call == "nowhere"));
        let mut out = Vec::new();
        found.show(&mut Screen::new(&mut out, false, Paint::NONE)).expect("writes to memory");
        assert!(String::from_utf8(out).expect("text").contains("owner   nobody\n"));
    }

    #[test]
    fn a_group_that_is_not_there_is_refused_with_those_that_are() {
        let view = view();
        let failure = Explanation::new(b"foo", "urls", &view).map(|_| ()).expect_err("refused");
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(matches!(failure, Failure::Usage(message) if message.contains("has: default")));
    }

    #[test]
    fn the_reason_agrees_with_the_rule() {
        for key in ["foo", "", "{", "}{", "{}", "{}{a}", "{a}", "x{a}{b}", "{{a}}", "a}b{c}"] {
            let tagged = why_hashed(key.as_bytes()).starts_with("the hash tag");
            assert_eq!(tagged, hash_tag(key.as_bytes()) != key.as_bytes(), "{key}");
        }
    }
}
