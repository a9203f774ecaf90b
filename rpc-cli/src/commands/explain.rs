//! `wherever explain`: from a key to the node that a call with it runs on, step by step.

use std::ffi::OsString;

use clap::Args;
use rpc_core::cluster::view::{ClusterView, LiveView, MoveView, StuckView};
use rpc_core::error::bounded;
use rpc_core::node::{NodeId, NodeInfo};
use rpc_core::slot::{Slot, hash_tag};
use serde::Serialize;

use crate::failure::Failure;
use crate::json;
use crate::live;
use crate::map::{Held, SlotMap, State};
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
    state: State,
    state_why: String,
    /// The moves of the group that take slots from the owner, if the slot is moving: it is in one of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    moves: Vec<&'a MoveView>,
    /// Why the slot should be elsewhere and is not, if that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    stuck: Option<&'a StuckView>,
    /// The node that was asked: the others may know better.
    asked: &'a NodeId,
    /// Its right to execute; absent in a fixed cluster, where it never ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    authority: Option<String>,
    nodes: Vec<Distance<'a>>,
    /// What people see in place of text or hexadecimal.
    #[serde(skip)]
    bytes: (&'a [u8], &'a [u8]),
}

#[derive(Clone, Copy, Serialize)]
struct Owner<'a> {
    id: &'a NodeId,
    address: &'a str,
    /// How it stands, or that it is gone, as `wherever nodes` says it; absent in a fixed cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a str>,
}

/// What a call from one node takes.
#[derive(Serialize)]
struct Distance<'a> {
    id: &'a NodeId,
    address: &'a str,
    /// `near`, `far`, or `nowhere` when no node owns the slot, or the one that does is gone.
    call: &'static str,
    why: String,
}

impl<'a> Explanation<'a> {
    fn new(key: &'a [u8], group_name: &'a str, view: &'a ClusterView) -> Result<Self, Failure> {
        let map = SlotMap::of(view, group_name)?;
        let hashed = hash_tag(key);
        let slot = Slot::of_bytes(hashed);
        let held = map.at(slot);
        let owner = held.owner.map(|(node, epoch)| (&map.nodes[node], epoch));
        let moves = moves_of(view, group_name, held, owner.map(|(owner, _)| owner));
        let owner_state = owner.and_then(|(owner, _)| live::state_of(view, &owner.id));
        let gone = owner.and_then(|(owner, _)| why_gone(view, group_name, owner));
        let stuck = view.live.iter().flat_map(|live| &live.stuck);
        let stuck = stuck.rev().find(|stuck| stuck.group == group_name && stuck.slots.contains(&slot));
        let authority = view.live.as_ref().map(live::authority);
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
            owner: owner.map(|(node, _)| Owner { id: &node.id, address: &node.address, state: owner_state }),
            epoch: owner.map(|(_, epoch)| epoch),
            state: held.state,
            state_why: gone.clone().unwrap_or_else(|| why_state(held, &moves)),
            moves,
            stuck,
            asked: &view.node,
            authority,
            nodes: map
                .nodes
                .iter()
                .map(|node| distance(node, owner.map(|(owner, _)| owner), gone.is_some(), view))
                .collect(),
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
        let owner = self.owner.map_or_else(
            || "nobody".to_owned(),
            |Owner { id, address, state }| {
                let state = state.filter(|state| *state != "serving").map(|state| format!(" ({state})"));
                format!("{id} at {address}{}", state.unwrap_or_default())
            },
        );
        screen.field("owner", &bounded(owner))?;
        if let Some(epoch) = self.epoch {
            screen.field("epoch", &epoch.to_string())?;
        }
        screen.field("state", &bounded(format!("{}: {}", self.state.name(), self.state_why)))?;
        if let Some(StuckView { to, why, tries, .. }) = self.stuck {
            let told = format!("cannot be moved to {to}: {why} (tried {tries} times, and tried again)");
            screen.field("move", &bounded(told))?;
        }
        if let Some(authority) = self.authority {
            screen.field("asked", &bounded(format!("{}, whose authority is {authority}", self.asked)))?;
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

/// The moves of which one may have the slot: a view tells how many slots a move has, not which.
fn moves_of<'a>(view: &'a ClusterView, group: &str, held: Held, owner: Option<&NodeInfo>) -> Vec<&'a MoveView> {
    let moves = view.live.iter().flat_map(|live| &live.moves).filter(|_| held.state == State::Moving);
    moves.filter(|m| m.group == group && owner.is_some_and(|owner| owner.id == m.from || owner.id == m.to)).collect()
}

fn why_state(held: Held, moves: &[&MoveView]) -> String {
    match (held.owner, held.state) {
        (None, _) => "no node owns the slot; calls are refused, not executed".to_owned(),
        (Some(_), State::Stable) => "its owner serves it".to_owned(),
        (Some(_), State::Recovering) => {
            "its last owner is gone, and this one loads what is left; calls wait, then are refused, not executed"
                .to_owned()
        }
        (Some(_), State::Moving) => {
            let told: Vec<String> = moves.iter().map(|planned| live::told(planned)).collect();
            let which = if told.is_empty() { String::new() } else { format!(" ({})", told.join("; ")) };
            format!(
                "its owner serves it and hands it over{which}; calls go on, and wait for a moment when it changes hands"
            )
        }
    }
}

/// What becomes of a slot whose owner is there no more, if that is so.
fn why_gone(view: &ClusterView, group: &str, owner: &NodeInfo) -> Option<String> {
    let live = view.live.as_ref()?;
    let (what, pending) = match live::state_of(view, &owner.id)? {
        live::GONE => ("gone", why_pending(view, live, group)),
        "fenced" => ("fenced", SOON.to_owned()),
        _ => return None,
    };
    Some(format!(
        "its owner is {what}: calls wait, then are refused, not executed, until another node takes the slot over, {pending}"
    ))
}

/// When others take over what a node had that is gone.
const SOON: &str = "as soon as it is certain that the owner executes nothing any more";

/// Why others have not yet taken over what a node had that is gone. The leader knows; this is what the records tell.
fn why_pending(view: &ClusterView, live: &LiveView, group: &str) -> String {
    if live.leader.is_none() {
        return "and none can be chosen before a leader is elected".to_owned();
    }
    let owners = view.groups.get(group).map_or(&[][..], |group| &group.nodes);
    let lost = owners.iter().filter(|owner| live::state_of(view, &owner.id) == Some(live::GONE)).count();
    let members = live.nodes.iter().filter(|node| node.groups.iter().any(|of| of == group)).count();
    // The guard rail of the controller: more than half at once are rather behind a partition than dead.
    if lost * 2 > members + lost {
        return format!(
            "which does not happen by itself while {lost} of the {} nodes of group {group} are gone at once: bring them back, or \
             `wherever fence` those that are dead",
            members + lost
        );
    }
    SOON.to_owned()
}

fn distance<'a>(node: &'a NodeInfo, owner: Option<&NodeInfo>, is_gone: bool, view: &ClusterView) -> Distance<'a> {
    let (call, why) = match owner {
        None => ("nowhere", "no node owns the slot: refused, not executed".to_owned()),
        Some(owner) if is_gone && owner.id == node.id => {
            ("nowhere", "it owns the slot, and is there no more".to_owned())
        }
        Some(owner) if is_gone => {
            ("nowhere", format!("{} is there no more: calls wait, then are refused, not executed", owner.id))
        }
        Some(owner) if owner.id == node.id && is_without_authority(node, view) => (
            "near",
            "it owns the slot, but has no authority now: calls wait, then are refused, not executed".to_owned(),
        ),
        Some(owner) if owner.id == node.id => ("near", "it owns the slot: a plain method call".to_owned()),
        Some(owner) => ("far", format!("one network call to {}", owner.address)),
    };
    Distance { id: &node.id, address: &node.address, call, why }
}

/// Whether the node may not execute, as far as the view tells: it tells of the answering node only.
fn is_without_authority(node: &NodeInfo, view: &ClusterView) -> bool {
    let lacks = |live: &LiveView| live.authority != "held";
    node.id == view.node && view.live.as_ref().is_some_and(lacks)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rpc_core::cluster::fixed::FixedNodes;
    use rpc_core::cluster::view::{CountsView, UnsettledView, VIEW_FORMAT};

    use super::*;
    use crate::failure::Exit;
    use crate::live::tests::live_view;
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
    fn a_moving_slot_says_where_it_goes() {
        let mut view = live_view();
        let slot = Slot::of_text(b"foo");
        let live = view.live.as_mut().expect("live");
        let run = UnsettledView { group: "default".to_owned(), first: slot, last: slot, state: "moving".to_owned() };
        live.unsettled = vec![run];
        let planned = |from: &str, to: &str| MoveView {
            id: "7".to_owned(),
            group: "default".to_owned(),
            from: from.into(),
            to: to.into(),
            slots: 1,
            phase: "copy".to_owned(),
        };
        live.moves = vec![planned("n1", "n2"), planned("n3", "n1")];
        let found = Explanation::new(b"foo", "default", &view).expect("explained");
        assert_eq!((found.owner.expect("owned").id.as_str(), found.state, found.moves.len()), ("n3", State::Moving, 1));
        assert!(found.state_why.contains("1 slots of default from n3 to n1: copy"), "{}", found.state_why);
        let stable = Explanation::new(b"bar", "default", &view).expect("explained");
        assert_eq!((stable.state, stable.moves.len()), (State::Stable, 0));
        assert_eq!(stable.authority.as_deref(), Some("held, for another 3.1 s"));
    }

    #[test]
    fn an_owner_without_authority_is_said_to_refuse() {
        let mut view = live_view();
        view.node = "n3".into();
        view.live.as_mut().expect("live").authority = "lapsed".to_owned();
        let found = Explanation::new(b"foo", "default", &view).expect("explained");
        let why: Vec<_> = found.nodes.iter().filter(|node| node.why.contains("no authority now")).collect();
        assert!(matches!(&*why, [node] if node.id.as_str() == "n3"));
    }

    #[test]
    fn an_owner_that_is_gone_is_said_to_be_and_what_the_failover_waits_for() {
        let mut view = live_view();
        view.live.as_mut().expect("live").nodes.retain(|node| node.id.as_str() != "n3");
        let found = Explanation::new(b"foo", "default", &view).expect("explained");
        assert_eq!(found.owner.map(|owner| (owner.id.as_str(), owner.state)), Some(("n3", Some("gone"))));
        assert!(found.state_why.starts_with("its owner is gone: calls wait, then are refused"), "{}", found.state_why);
        assert!(found.state_why.ends_with(SOON), "{}", found.state_why);
        assert!(found.nodes.iter().all(|node| node.call == "nowhere"));
        let stays = Explanation::new(b"bar", "default", &view).expect("explained");
        assert_eq!(stays.state_why, "its owner serves it");

        let live = view.live.as_mut().expect("live");
        live.nodes.retain(|node| node.id.as_str() == "n1");
        let found = Explanation::new(b"foo", "default", &view).expect("explained");
        assert!(
            found.state_why.contains("while 2 of the 3 nodes of group default are gone at once"),
            "{}",
            found.state_why
        );
        view.live.as_mut().expect("live").leader = None;
        let found = Explanation::new(b"foo", "default", &view).expect("explained");
        assert!(found.state_why.ends_with("before a leader is elected"), "{}", found.state_why);
    }

    #[test]
    fn a_group_that_is_not_there_is_refused_with_those_that_are() {
        let view = view();
        let failure = Explanation::new(b"foo", "urls", &view).map(|_| ()).expect_err("refused");
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(matches!(failure, Failure::Usage(message) if message.contains("has: default")));
    }

    #[test]
    fn a_slot_that_cannot_be_moved_says_why() {
        let mut view = live_view();
        let stuck = StuckView {
            group: "default".to_owned(),
            from: "n1".into(),
            to: "n2".into(),
            slots: vec![Slot::of_text(b"foo")],
            why: "on n2: of version 9\u{1b}[2J".to_owned(),
            tries: 3,
            again_ms: 100,
        };
        view.live.as_mut().expect("live").stuck = vec![stuck];
        for (key, is_stuck) in [("foo", true), ("bar", false)] {
            let found = Explanation::new(key.as_bytes(), "default", &view).expect("explained");
            let json = serde_json::to_value(&found).expect("encodes");
            assert_eq!(json.get("stuck").is_some_and(|stuck| stuck["tries"] == 3), is_stuck, "{key}");
        }
        let mut out = Vec::new();
        let found = Explanation::new(b"foo", "default", &view).expect("explained");
        found.show(&mut Screen::new(&mut out, false, Paint::NONE)).expect("shown");
        let told = String::from_utf8(out).expect("text");
        assert!(told.contains("cannot be moved to n2: on n2: of version 9") && !told.contains('\u{1b}'), "{told}");
    }

    #[test]
    fn the_reason_agrees_with_the_rule() {
        for key in ["foo", "", "{", "}{", "{}", "{}{a}", "{a}", "x{a}{b}", "{{a}}", "a}b{c}"] {
            let tagged = why_hashed(key.as_bytes()).starts_with("the hash tag");
            assert_eq!(tagged, hash_tag(key.as_bytes()) != key.as_bytes(), "{key}");
        }
    }
}
