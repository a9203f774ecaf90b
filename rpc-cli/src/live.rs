//! What a live cluster tells beyond its slot map: nodes by name, authority, what is on its way.

use std::time::Duration;

use rpc_core::Kind;
use rpc_core::cluster::view::{ClusterView, LiveView, MoveView, OrderView};
use rpc_core::error::bounded;
use rpc_core::node::NodeId;

use crate::failure::Failure;

/// What is in motion.
///
/// # Errors
/// [`Failure::Refused`] in a fixed cluster, where nothing can be.
pub(crate) fn of(view: &ClusterView) -> Result<&LiveView, Failure> {
    view.live.as_ref().ok_or_else(|| {
        Failure::Refused(format!(
            "{} is a node of a fixed cluster, whose nodes and slots never change: its list of nodes is the map",
            view.node
        ))
    })
}

/// Whether the node knows its cluster: one that has just started does not.
///
/// # Errors
/// [`Failure::Unreachable`] if not.
pub(crate) fn has_map(view: &ClusterView) -> Result<(), Failure> {
    let Some(live) = view.live.as_ref().filter(|live| live.nodes.is_empty() && view.groups.is_empty()) else {
        return Ok(());
    };
    Err(Failure::unreachable(
        Kind::Unavailable,
        format!(
            "{} has no map of its cluster yet (its authority: {}): try again in a moment",
            view.node,
            authority(live)
        ),
    ))
}

/// The node that the user named by its id or its address. It may be one that is gone and still owns slots.
///
/// # Errors
/// [`Failure::Usage`] with the nodes that are there, [`Failure::Unreachable`] if the answering node knows none yet.
pub(crate) fn node_named(view: &ClusterView, name: &str) -> Result<NodeId, Failure> {
    let registered = view.live.iter().flat_map(|live| &live.nodes).map(|node| (&node.id, node.address.as_str()));
    let owners = view.groups.values().flat_map(|group| &group.nodes).map(|node| (&node.id, node.address.as_str()));
    let mut known: Vec<_> = registered.chain(owners).collect();
    let by_id = known.iter().find(|(id, _)| id.as_str() == name);
    if let Some((id, _)) = by_id.or_else(|| known.iter().find(|(_, address)| *address == name)) {
        return Ok((*id).clone());
    }
    has_map(view)?;
    known.sort_unstable();
    known.dedup_by_key(|(id, _)| *id);
    let names: Vec<String> = known.iter().map(|(id, address)| with_address(id, address)).collect();
    Err(Failure::Usage(format!("the cluster has no node {name}; it has: {}", names.join(", "))))
}

/// A node that owns slots and is registered no more.
pub(crate) const GONE: &str = "gone";

/// How a node stands, as the answering node knows it. Nothing in a fixed cluster, nor while the answering node knows nobody.
pub(crate) fn state_of<'a>(view: &'a ClusterView, node: &NodeId) -> Option<&'a str> {
    let nodes = view.live.as_ref().map(|live| &live.nodes).filter(|nodes| !nodes.is_empty())?;
    Some(nodes.iter().find(|live| live.id == *node).map_or(GONE, |live| &live.state))
}

fn with_address(id: &NodeId, address: &str) -> String {
    if id.as_str() == address { id.to_string() } else { format!("{id} ({address})") }
}

/// How many slots of all groups a node owns.
pub(crate) fn slots_of(view: &ClusterView, node: &NodeId) -> u32 {
    view.groups.values().map(|group| group.slots_of(node)).sum()
}

/// The answering node's right to execute, in words.
pub(crate) fn authority(live: &LiveView) -> String {
    match (live.authority.as_str(), &live.stopped) {
        (state, Some(why)) => format!("{state}: {why}"),
        ("held", None) => format!("held, for another {}", seconds(Duration::from_millis(live.authority_ms))),
        (state, None) => state.to_owned(),
    }
}

/// Whether the move is still under way: its slots have not all arrived.
pub(crate) fn is_under_way(planned: &MoveView) -> bool {
    matches!(planned.phase.as_str(), "copy" | "committed")
}

/// A move, in words.
pub(crate) fn told(planned: &MoveView) -> String {
    let MoveView { group, from, to, slots, phase, .. } = planned;
    bounded(format!("{slots} slots of {group} from {from} to {to}: {phase}"))
}

/// An operator's order that is under way, in words.
pub(crate) fn told_order(order: &OrderView) -> String {
    let OrderView { id, group, from, to, slots, arrived, .. } = order;
    bounded(format!("order {id}: {arrived} of {slots} slots of {group} have gone from {from} to {to}"))
}

/// A time for people.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use rpc_core::cluster::fixed::FixedNodes;
    use rpc_core::cluster::view::{CountsView, LiveNode, VIEW_FORMAT};

    use super::*;
    use crate::failure::Exit;

    /// A live cluster of three nodes that are at rest.
    pub(crate) fn live_view() -> ClusterView {
        let mut group = FixedNodes::new(["h:7001", "h:7002", "h:7003"]).expect("good").slots();
        let mut nodes = Vec::new();
        for (node, name) in group.nodes.iter_mut().zip(["n1", "n2", "n3"]) {
            node.id = name.into();
            nodes.push(LiveNode {
                id: node.id.clone(),
                address: node.address.clone(),
                incarnation: "00000000000000aa".to_owned(),
                zone: Some("east".to_owned()),
                weight: node.weight,
                state: "serving".to_owned(),
                groups: vec!["default".to_owned()],
            });
        }
        let live = LiveView {
            revision: 17,
            leader: Some("n1".into()),
            authority: "held".to_owned(),
            authority_ms: 3100,
            nodes,
            ..LiveView::default()
        };
        ClusterView {
            format: VIEW_FORMAT,
            cluster: "test".to_owned(),
            node: "n1".into(),
            coordinator: "embedded".to_owned(),
            live: Some(live),
            groups: BTreeMap::from([("default".to_owned(), group)]),
            services: Vec::new(),
            counts: CountsView::default(),
        }
    }

    #[test]
    fn a_node_is_named_by_id_before_address() {
        let mut view = live_view();
        assert_eq!(node_named(&view, "n2").expect("known").as_str(), "n2");
        assert_eq!(node_named(&view, "h:7003").expect("known").as_str(), "n3");
        view.live.as_mut().expect("live").nodes[0].id = "h:7003".into();
        assert_eq!(node_named(&view, "h:7003").expect("known").as_str(), "h:7003");
        let Err(Failure::Usage(message)) = node_named(&view, "n9") else { panic!("refused") };
        assert!(message.contains("no node n9; it has: ") && message.contains("n2 (h:7002)"), "{message}");
    }

    #[test]
    fn a_node_that_has_just_started_is_asked_again_and_nobody_is_unknown_to_it() {
        let mut view = live_view();
        view.groups.clear();
        view.live = Some(LiveView { authority: "not_yet".to_owned(), ..LiveView::default() });
        let failure = node_named(&view, "n2").expect_err("it knows nobody");
        assert_eq!(failure.exit(), Exit::Unreachable);
        assert!(
            failure.sentence().starts_with("n1 has no map of its cluster yet (its authority: not_yet)"),
            "{failure:?}"
        );
        assert!(matches!(crate::map::group(&view, "default").map(|_| ()), Err(Failure::Unreachable(_))));
    }

    #[test]
    fn an_owner_that_is_gone_still_has_its_name() {
        let mut view = live_view();
        view.live.as_mut().expect("live").nodes.remove(1);
        assert_eq!(node_named(&view, "h:7002").expect("known").as_str(), "n2");
    }

    #[test]
    fn authority_is_told_with_its_end_or_its_reason() {
        let mut live = live_view().live.expect("live");
        assert_eq!(authority(&live), "held, for another 3.1 s");
        live.authority = "lapsed".to_owned();
        assert_eq!(authority(&live), "lapsed");
        live.authority = "stopped".to_owned();
        live.stopped = Some("the cluster's record is gone".to_owned());
        assert_eq!(authority(&live), "stopped: the cluster's record is gone");
    }
}
