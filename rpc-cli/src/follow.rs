//! Watches a plan become true: asks the node for its view until the slots have arrived.
//!
//! The cluster works on its own. Whatever ends the watching, a deadline, Ctrl-C or a node that is gone, stops no move.

use std::collections::{BTreeMap, HashSet};
use std::future::pending;
use std::time::Duration;

use rpc_core::cluster::request::Plan;
use rpc_core::cluster::view::{ClusterView, MoveView, OrderView};
use rpc_core::node::NodeId;
use tokio::signal::ctrl_c;
use tokio::time::{Instant, sleep, timeout};

use crate::failure::Failure;
use crate::live;
use crate::node::Node;
use crate::plan::Done;
use crate::progress::Display;
use crate::terminal::Screen;

/// Pause between two looks: the bar moves as smoothly as an eye sees, and the node has five small answers a second to give.
const LOOK_PAUSE: Duration = Duration::from_millis(200);

/// With no move under way and nothing arriving for so long, nothing will: longer than a planner pauses between moves.
const STALLED: Duration = Duration::from_secs(10);

/// What is waited for.
pub(crate) enum Goal {
    /// Slots that arrive at nodes.
    Arrival {
        /// The group.
        group: String,
        /// What each node owned before, and what it gains.
        gains: BTreeMap<NodeId, (u32, u32)>,
        /// From whom to whom.
        pairs: HashSet<(NodeId, NodeId)>,
        /// The order, if one node carries it out.
        order: Option<Order>,
    },
    /// A node that owns nothing any more, in no group.
    Empty {
        /// The node.
        node: NodeId,
        /// What it owned before.
        before: u32,
    },
}

/// An order that the node which took it carries out.
pub(crate) struct Order {
    /// Its id.
    id: String,
    /// The node, and its start.
    taker: (NodeId, Option<String>),
}

/// How far the way to a goal is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Slots that have arrived.
    pub(crate) arrived: u32,
    /// Slots that will have.
    pub(crate) total: u32,
    /// Moves under way, counted by phase.
    pub(crate) phases: BTreeMap<String, u32>,
}

impl Goal {
    /// The arrival of what `plan` moves. `before` is the view from before it was asked for.
    pub(crate) fn arrival(before: &ClusterView, group: &str, plan: &Plan) -> Self {
        // A node that joined after that view is called by its id, and owned nothing.
        let named = |name: &str| live::node_named(before, name).unwrap_or_else(|_| name.into());
        let mut net: BTreeMap<NodeId, i64> = BTreeMap::new();
        let mut pairs = HashSet::new();
        for planned in &plan.moves {
            let (from, to) = (named(&planned.from), named(&planned.to));
            *net.entry(from.clone()).or_default() -= i64::from(planned.slots);
            *net.entry(to.clone()).or_default() += i64::from(planned.slots);
            pairs.insert((from, to));
        }
        let owned = |node: &NodeId| before.groups.get(group).map_or(0, |group| group.slots_of(node));
        let gain = |net: i64| u32::try_from(net).ok().filter(|gain| *gain > 0);
        let gains = net.into_iter().filter_map(|(node, net)| {
            let before = owned(&node);
            Some((node, (before, gain(net)?)))
        });
        let taker = (before.node.clone(), start_of(before, &before.node).map(str::to_owned));
        let order = plan.order.clone().map(|id| Order { id, taker });
        Self::Arrival { group: group.to_owned(), gains: gains.collect(), pairs, order }
    }

    /// The departure of everything from `node`.
    pub(crate) fn empty(before: &ClusterView, node: &NodeId) -> Self {
        Self::Empty { node: node.clone(), before: live::slots_of(before, node) }
    }

    /// How far it is in `view`.
    pub(crate) fn progress(&self, view: &ClusterView) -> Progress {
        let (arrived, total) = match self {
            // The order knows its slots; other slots may come and go meanwhile.
            Self::Arrival { order: Some(order), .. } if order.told(view).is_some() => {
                order.told(view).map_or((0, 0), |told| (told.arrived, told.slots))
            }
            Self::Arrival { group, gains, .. } => {
                let owned = |node: &NodeId| view.groups.get(group).map_or(0, |group| group.slots_of(node));
                let arrived = gains.iter().map(|(node, (before, gain))| owned(node).saturating_sub(*before).min(*gain));
                (arrived.sum(), gains.values().map(|(_, gain)| gain).sum())
            }
            Self::Empty { node, before } => {
                // Slots that were on their way to the node when it was drained arrive first, and leave after.
                let now = live::slots_of(view, node);
                let total = now.max(*before);
                (total - now, total)
            }
        };
        let mut phases = BTreeMap::new();
        let moves = view.live.iter().flat_map(|live| &live.moves);
        for planned in moves.filter(|planned| live::is_under_way(planned) && self.concerns(planned)) {
            *phases.entry(planned.phase.clone()).or_default() += 1;
        }
        Progress { arrived, total, phases }
    }

    fn concerns(&self, planned: &MoveView) -> bool {
        match self {
            Self::Arrival { group, pairs, .. } => {
                planned.group == *group && pairs.contains(&(planned.from.clone(), planned.to.clone()))
            }
            Self::Empty { node, .. } => planned.from == *node,
        }
    }

    /// Why nothing more will be done for it, though it is not reached, if `view` says so.
    fn end(&self, view: &ClusterView) -> Option<String> {
        let Self::Arrival { order: Some(order), .. } = self else { return None };
        match order.told(view) {
            Some(told) if told.over && told.arrived < told.slots => Some(what_did_not_arrive(told)),
            Some(_) => None,
            None => order.is_lost(view).then(|| {
                format!(
                    "and {}, which carried the order out, is gone or was started anew, so that the order has ended: what was on its \
                     way may still arrive, the rest stays where it is; look with `wherever nodes`, and order the rest again",
                    order.taker.0
                )
            }),
        }
    }

    /// Whether the view says that an order is being carried out.
    fn is_ordered(&self, view: &ClusterView) -> bool {
        let Self::Arrival { order: Some(order), .. } = self else { return false };
        order.told(view).is_some_and(|told| !told.over)
    }

    /// Whether a standstill means the end. A drain stands until it is undone: the cluster comes back to it.
    fn ends_at_standstill(&self) -> bool {
        matches!(self, Self::Arrival { .. })
    }
}

impl Order {
    /// What is told of it.
    fn told<'a>(&self, view: &'a ClusterView) -> Option<&'a OrderView> {
        view.live.iter().flat_map(|live| &live.orders).find(|told| told.id == self.id)
    }

    /// Whether the start of the node that took it is over. Nodes that are just starting know nobody.
    fn is_lost(&self, view: &ClusterView) -> bool {
        let (node, start) = &self.taker;
        let knows = view.live.as_ref().is_some_and(|live| !live.nodes.is_empty());
        knows && start_of(view, node) != start.as_deref()
    }
}

/// The present start of a node.
fn start_of<'a>(view: &'a ClusterView, node: &NodeId) -> Option<&'a str> {
    let mut nodes = view.live.iter().flat_map(|live| &live.nodes);
    nodes.find(|live| live.id == *node).map(|live| live.incarnation.as_str())
}

/// Where the rest of an order is.
fn what_did_not_arrive(told: &OrderView) -> String {
    let mut parts = Vec::new();
    if told.elsewhere > 0 {
        parts.push(format!(
            "{} went to other nodes (by another order, by a rebalance, or because their owner died)",
            told.elsewhere
        ));
    }
    if told.stays > 0 {
        let why = told.why.as_ref().map(|why| format!(": {why}"));
        parts.push(format!("{} stay where they are{}", told.stays, why.unwrap_or_default()));
    }
    format!("{}; `wherever nodes` shows who has how many", parts.join(", "))
}

impl Progress {
    fn is_complete(&self) -> bool {
        self.arrived == self.total && self.phases.is_empty()
    }
}

/// Waits until the goal is reached, and shows the way there. Each answer may take as long as `node` allows.
///
/// # Errors
/// [`Failure::Unfinished`] when `longest` passes or the moves end before the slots have arrived, [`Failure::Interrupted`] at
/// Ctrl-C. In all of them the cluster goes on.
pub(crate) async fn follow(
    node: &Node,
    goal: &Goal,
    longest: Duration,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let started = Instant::now();
    let mut display = Display::new(screen);
    let outcome = tokio::select! {
        biased;
        outcome = timeout(longest, reached(node, goal, &mut display)) => outcome,
        () = interrupted() => return Err(Failure::Interrupted(format!(
            "{}; the cluster goes on with it, `wherever watch` shows how", display.arrived()
        ))),
    };
    let slots = outcome.unwrap_or_else(|_| {
        let (arrived, longest) = (display.arrived(), live::seconds(longest));
        let rest = match goal {
            Goal::Arrival { order: Some(order), .. } if display.is_lost() => format!(
                "{}, which carries the order out, does not answer: if it is gone, so is the order, and the rest has to be ordered again",
                order.taker.0
            ),
            _ => "the cluster goes on with it, `wherever watch` shows how".to_owned(),
        };
        Err(Failure::Unfinished(format!("{arrived} in {longest} (--timeout); {rest}")))
    })?;
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Done { slots, took_ms })
}

/// Looks until nothing is left to wait for. A node that does not answer is asked again: it may be on its way out itself.
async fn reached(node: &Node, goal: &Goal, display: &mut Display<'_, '_>) -> Result<u32, Failure> {
    let mut last = Progress::default();
    let mut moved_at = Instant::now();
    loop {
        match node.view().await {
            Ok(view) => {
                let progress = goal.progress(&view);
                display.show(&progress)?;
                if progress.is_complete() {
                    return Ok(progress.arrived);
                }
                if let Some(why) = goal.end(&view) {
                    return Err(Failure::Unfinished(format!("{}, {why}", display.arrived())));
                }
                if progress != last || !progress.phases.is_empty() || goal.is_ordered(&view) {
                    moved_at = Instant::now();
                } else if goal.ends_at_standstill() && moved_at.elapsed() >= STALLED {
                    return Err(Failure::Unfinished(format!(
                        "{}, and no move is under way any more: the rest stays where it is, or went elsewhere by another order or because its owner died; \
                         `wherever nodes` shows who has how many, and you can ask again",
                        display.arrived()
                    )));
                }
                last = progress;
            }
            Err(failure) => {
                display.lost(&failure)?;
                // Silence is no standstill.
                moved_at = Instant::now();
            }
        }
        sleep(LOOK_PAUSE).await;
    }
}

/// Ready at Ctrl-C; never if the operating system does not tell of it.
pub(crate) async fn interrupted() {
    if ctrl_c().await.is_err() {
        pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use rpc_core::cluster::request::PlannedMove;

    use super::*;
    use crate::live::tests::live_view;

    fn planned(from: &str, to: &str, slots: u32) -> PlannedMove {
        PlannedMove { from: from.to_owned(), to: to.to_owned(), slots }
    }

    fn under_way(from: &str, to: &str, phase: &str) -> MoveView {
        MoveView {
            id: "1".to_owned(),
            group: "default".to_owned(),
            from: from.into(),
            to: to.into(),
            slots: 7,
            phase: phase.to_owned(),
        }
    }

    /// Gives the first `slots` slots of the first node to the last.
    fn give(view: &mut ClusterView, slots: u16) {
        let group = view.groups.get_mut("default").expect("there");
        let mut given = group.slots[0];
        given.last = rpc_core::slot::Slot::new(slots - 1).expect("a slot");
        given.node = 2;
        group.slots[0].first = rpc_core::slot::Slot::new(slots).expect("a slot");
        group.slots.insert(0, given);
    }

    #[test]
    fn slots_have_arrived_when_the_counts_and_the_moves_say_so() {
        let mut view = live_view();
        let plan = Plan { moves: vec![planned("n1", "h:7003", 100)], ..Plan::default() };
        let goal = Goal::arrival(&view, "default", &plan);
        assert_eq!(goal.progress(&view), Progress { arrived: 0, total: 100, phases: BTreeMap::new() });
        give(&mut view, 60);
        view.live.as_mut().expect("live").moves = vec![under_way("n1", "n3", "copy"), under_way("n2", "n3", "copy")];
        let progress = goal.progress(&view);
        assert_eq!((progress.arrived, &progress.phases), (60, &BTreeMap::from([("copy".to_owned(), 1)])));
        view.groups = live_view().groups;
        give(&mut view, 100);
        assert!(!goal.progress(&view).is_complete(), "a move is still under way");
        view.live.as_mut().expect("live").moves = vec![under_way("n1", "n3", "active")];
        assert!(goal.progress(&view).is_complete());
    }

    #[test]
    fn a_chain_of_moves_counts_each_slot_once() {
        let view = live_view();
        let plan = Plan { moves: vec![planned("n1", "n2", 10), planned("n2", "n3", 10)], ..Plan::default() };
        let Goal::Arrival { gains, .. } = Goal::arrival(&view, "default", &plan) else { panic!() };
        assert_eq!(gains.keys().map(NodeId::as_str).collect::<Vec<_>>(), ["n3"]);
    }

    #[test]
    fn a_drained_node_that_is_gone_is_empty() {
        let mut view = live_view();
        let goal = Goal::empty(&view, &"n3".into());
        assert!(!goal.progress(&view).is_complete());
        view.groups.get_mut("default").expect("there").slots.retain(|run| run.node != 2);
        assert!(goal.progress(&view).is_complete());
    }
}
