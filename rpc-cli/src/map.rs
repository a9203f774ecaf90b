//! The slot map of one group, slot by slot: what its picture, its ranges and an explanation are made of.

use rpc_core::cluster::view::{ClusterView, GroupView};
use rpc_core::node::{NodeId, NodeInfo};
use rpc_core::slot::Slot;
use serde::Serialize;

use crate::failure::Failure;
use crate::live;

/// A group's slots as a node knows them.
pub(crate) struct SlotMap<'a> {
    /// The group's nodes; an owner is a position among them.
    pub(crate) nodes: &'a [NodeInfo],
    slots: Vec<Held>,
}

/// Who has a slot, and how it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// The owner's position and the epoch, if anybody owns it.
    pub(crate) owner: Option<(usize, u64)>,
    /// How it stands.
    pub(crate) state: State,
}

/// How a slot stands; what is later deserves more attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Its owner serves it.
    Stable,
    /// Its owner serves it, and hands it over.
    Moving,
    /// Its new owner loads what is left of its state.
    Recovering,
}

impl State {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Moving => "moving",
            Self::Recovering => "recovering",
        }
    }
}

/// A run of slots alike, as scripts read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Range<'a> {
    /// First slot.
    pub(crate) first: u16,
    /// Last slot, which belongs to the run.
    pub(crate) last: u16,
    /// How many they are.
    pub(crate) slots: u16,
    /// The owner.
    pub(crate) node: Option<&'a NodeId>,
    /// The epoch, if there is an owner.
    pub(crate) epoch: Option<u64>,
    /// How they stand.
    pub(crate) state: State,
}

impl<'a> SlotMap<'a> {
    /// The map of a group, as `view` tells it.
    ///
    /// # Errors
    /// [`Failure::Usage`] when the cluster has no such group.
    pub(crate) fn of(view: &'a ClusterView, group_name: &str) -> Result<Self, Failure> {
        let group = group(view, group_name)?;
        let mut slots = vec![Held { owner: None, state: State::Stable }; Slot::COUNT.into()];
        for run in &group.slots {
            for held in &mut slots[run.first.index()..=run.last.index()] {
                held.owner = Some((run.node, run.epoch));
            }
        }
        let unsettled = view.live.iter().flat_map(|live| &live.unsettled).filter(|run| run.group == group_name);
        for run in unsettled {
            // This part of a view is not checked, and may be the wrong way round.
            let run_slots = slots.get_mut(run.first.index()..=run.last.index().max(run.first.index()));
            let state = if run.state == State::Recovering.name() { State::Recovering } else { State::Moving };
            run_slots.into_iter().flatten().for_each(|held| held.state = state);
        }
        Ok(Self { nodes: &group.nodes, slots })
    }

    /// Who has `slot`.
    pub(crate) fn at(&self, slot: Slot) -> Held {
        self.slots[slot.index()]
    }

    /// The slots, `size` at a time.
    pub(crate) fn cells(&self, size: usize) -> impl Iterator<Item = &[Held]> {
        self.slots.chunks(size)
    }

    /// How many slots each node owns, in the order of the nodes.
    pub(crate) fn counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.nodes.len()];
        for (node, _) in self.slots.iter().filter_map(|held| held.owner) {
            counts[node] += 1;
        }
        counts
    }

    /// How many slots stand like that.
    pub(crate) fn count_in(&self, state: State) -> usize {
        self.slots.iter().filter(|held| held.state == state).count()
    }

    /// All slots in runs of the same owner, epoch and state, those without owner too.
    pub(crate) fn ranges(&self) -> Vec<Range<'a>> {
        let mut first = 0;
        let mut ranges = Vec::new();
        for run in self.slots.chunk_by(|a, b| a == b) {
            // A map has no more slots than a u16 counts.
            let slots = u16::try_from(run.len()).unwrap_or(Slot::COUNT);
            let Held { owner, state } = run[0];
            ranges.push(Range {
                first,
                last: first + (slots - 1),
                slots,
                node: owner.map(|(node, _)| &self.nodes[node].id),
                epoch: owner.map(|(_, epoch)| epoch),
                state,
            });
            first += slots;
        }
        ranges
    }
}

/// The group of that name.
///
/// # Errors
/// [`Failure::Usage`] with the names of those that are there, [`Failure::Unreachable`] if the answering node knows none yet.
pub(crate) fn group<'a>(view: &'a ClusterView, name: &str) -> Result<&'a GroupView, Failure> {
    if !view.groups.contains_key(name) {
        live::has_map(view)?;
    }
    view.groups.get(name).ok_or_else(|| {
        let known: Vec<&str> = view.groups.keys().map(String::as_str).collect();
        Failure::Usage(format!("the cluster has no group {name}; it has: {}", known.join(", ")))
    })
}

/// How much of all slots that is, in percent.
pub(crate) fn share(slots: u32) -> String {
    format!("{:.1} %", 100.0 * f64::from(slots) / f64::from(Slot::COUNT))
}

#[cfg(test)]
mod tests {
    use rpc_core::cluster::view::UnsettledView;

    use super::*;
    use crate::live::tests::live_view;

    fn unsettled(first: u16, last: u16, state: &str) -> UnsettledView {
        let slot = |number| Slot::new(number).expect("a slot");
        UnsettledView { group: "default".to_owned(), first: slot(first), last: slot(last), state: state.to_owned() }
    }

    #[test]
    fn ranges_end_where_the_owner_or_the_state_changes() {
        let mut view = live_view();
        let live = view.live.as_mut().expect("live");
        live.unsettled =
            vec![unsettled(10, 19, "moving"), unsettled(16380, 16383, "recovering"), unsettled(30, 3, "?")];
        let map = SlotMap::of(&view, "default").expect("there");
        let ranges = map.ranges();
        assert_eq!(ranges.iter().map(|range| u32::from(range.slots)).sum::<u32>(), u32::from(Slot::COUNT));
        assert!(ranges.windows(2).all(|pair| pair[0].last + 1 == pair[1].first));
        assert_eq!((ranges[1].first, ranges[1].last, ranges[1].state), (10, 19, State::Moving));
        assert_eq!(ranges.last().expect("some").state, State::Recovering);
        assert_eq!((map.count_in(State::Moving), map.count_in(State::Recovering)), (11, 4));
        assert_eq!(map.counts().iter().sum::<u32>(), u32::from(Slot::COUNT));
    }

    #[test]
    fn slots_of_nobody_are_a_range_too() {
        let mut view = live_view();
        view.groups.get_mut("default").expect("there").slots.clear();
        let map = SlotMap::of(&view, "default").expect("there");
        let [range] = map.ranges()[..] else { panic!("one range") };
        assert_eq!((range.slots, range.node, range.epoch), (Slot::COUNT, None, None));
    }
}
