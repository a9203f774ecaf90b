//! Two nodes, a slot on its way from one to the other, some calls, and everything that can come in between.
//!
//! There is no event for a crash: a node that has crashed is one to which nothing happens any more, and every order in which that is
//! so is among those looked at. A call without authority, a lost transaction, a message that never arrives are such orders too.

use std::collections::{BTreeMap, BTreeSet};

use rpc_core::cluster::controller::{Succession, fence};
use rpc_core::cluster::keeper::Local;
use rpc_core::cluster::moves::{Observation, abort, activate, clean_up, commit, plan};
use rpc_core::cluster::records::Phase;
use stateright::{Model, Property};

use crate::Bug;
use crate::coordinator::{Coordinator, GIVEN, name, party, slot};
use crate::node::{Effects, Errand, Node};

/// Most calls: one is enough to be lost, two to be in different places.
pub const MOST_CALLS: usize = 2;

/// Beats of one node: the one that it began with, and one after a lapse.
const MOST_BEATS: u32 = 2;

/// The model: with a mistake, or without.
#[derive(Clone, Copy, Debug, Default)]
pub struct Protocol {
    /// The mistake.
    pub bug: Option<Bug>,
    /// Calls, up to [`MOST_CALLS`].
    pub calls: usize,
}

/// A call of a client's, which sends it again under the same id until it has an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Call {
    /// The epoch in which it was first taken in.
    first: Option<u64>,
    is_acked: bool,
    /// It was answered with `Maybe`, and is not sent again.
    is_given_up: bool,
    runs: u8,
    /// It was acknowledged before a loss that was declared.
    is_excused: bool,
}

/// The whole cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cluster {
    coordinator: Coordinator,
    nodes: [Node; 2],
    calls: Vec<Call>,
    /// Transactions on their way, with what their sender had read.
    errands: BTreeMap<(usize, Errand), Observation>,
    is_loss_declared: bool,
}

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happens {
    /// A node's authority runs out.
    Expire(usize),
    /// A node beats.
    Beat(usize),
    /// A call arrives at a node that takes calls.
    Arrive(usize, usize),
    /// A node's running call ends, and its reply arrives or is lost.
    Finish(usize, bool),
    /// A node reads how its move stands.
    Read(usize),
    /// A node looks at the map.
    Keep(usize),
    /// A node's patience with its move ends.
    Tick(usize),
    /// The source answers the target's question.
    Answer,
    /// The target hears the answer.
    Hear,
    /// The answer is lost.
    Lose,
    /// A transaction is carried out.
    Deliver(usize, Errand),
    /// The controller aborts the move.
    Abort,
    /// The controller fences a node.
    Fence(usize),
    /// The controller gives a fenced node's slot away.
    TakeOver(usize),
    /// The controller removes the record of a move that is over.
    CleanUp,
}

impl Cluster {
    fn node_events(&self, index: usize, bug: Option<Bug>, events: &mut Vec<Happens>) {
        let node = &self.nodes[index];
        let is_fenced = self.coordinator.is_fenced(index);
        if is_fenced && (!node.has_authority() || bug == Some(Bug::NoWait)) {
            events.push(Happens::TakeOver(index));
        }
        if !(0..2).any(|any| self.coordinator.is_fenced(any)) {
            events.push(Happens::Fence(index));
        }
        events.extend(node.can_read().then_some(Happens::Read(index)));
        events.extend(node.can_tick().then_some(Happens::Tick(index)));
        events.extend(node.can_keep(&self.coordinator).then_some(Happens::Keep(index)));
        // Without authority a node does nothing that it could not also leave undone, unless a call runs or it was fenced.
        if node.has_authority() && (is_fenced || node.running.is_some()) {
            events.push(Happens::Expire(index));
        } else if !node.has_authority() && node.beats() < MOST_BEATS {
            events.push(Happens::Beat(index));
        }
        match node.running {
            Some(_) => events.extend([Happens::Finish(index, true), Happens::Finish(index, false)]),
            None if node.serves().is_some() => {
                let is_sent = |call: &&usize| !self.calls[**call].is_acked && !self.calls[**call].is_given_up;
                // Which call is which makes no difference: the second is first sent after the first.
                let is_next = |call: &&usize| **call == 0 || self.calls[**call - 1].first.is_some();
                let calls: Vec<usize> = (0..self.calls.len()).collect();
                let open = calls.iter().filter(is_sent).filter(is_next);
                events.extend(open.map(|call| Happens::Arrive(*call, index)));
            }
            None => {}
        }
    }

    fn arrive(&mut self, number: usize, index: usize) {
        let (call, node) = (&mut self.calls[number], &mut self.nodes[index]);
        let Some(epoch) = node.serves() else { return };
        if node.held.dedup & (1 << number) != 0 {
            call.is_acked = true;
        } else if call.first.is_some_and(|first| first < node.held.since) {
            call.is_given_up = true;
        } else {
            call.first.get_or_insert(epoch);
            node.running = Some(number as u8);
        }
    }

    /// Without authority the call is not polled again, and leaves nothing.
    fn finish(&mut self, index: usize, is_heard: bool) {
        let node = &mut self.nodes[index];
        let may_run = node.has_authority();
        let Some(number) = node.running.take().filter(|_| may_run) else { return };
        node.held.state |= 1 << number;
        node.held.dedup |= 1 << number;
        let call = &mut self.calls[usize::from(number)];
        call.runs += 1;
        call.is_acked |= is_heard;
    }

    fn follow(&mut self, index: usize, effects: &Effects) {
        for errand in &effects.errands {
            self.errands.insert((index, *errand), self.coordinator.observe());
        }
        if effects.is_loss_declared {
            self.is_loss_declared = true;
            self.calls.iter_mut().for_each(|call| call.is_excused |= call.is_acked);
        }
    }

    fn answer(&mut self, bug: Option<Bug>) {
        let [source, target] = &mut self.nodes;
        let Some(question) = target.question() else { return };
        match source.answer(&question, bug) {
            Some(Ok(answer)) => target.answer = Some(answer),
            Some(Err(effects)) => {
                self.follow(0, &effects);
                let effects = self.nodes[1].refused(bug);
                self.follow(1, &effects);
            }
            None => {}
        }
    }

    /// Forgets transactions that can never be applied any more: what they compare has changed, and no revision comes back.
    fn forget_the_futile(&mut self) {
        let planned = self.coordinator.planned().map(|seen| seen.revision);
        let bucket = Some(self.coordinator.bucket().revision);
        self.errands.retain(|(_, errand), seen| {
            let is_same = seen.bucket.as_ref().map(|seen| seen.revision) == bucket;
            seen.planned.as_ref().map(|seen| seen.revision) == planned && (is_same || *errand == Errand::Activate)
        });
    }

    fn deliver(&mut self, index: usize, errand: Errand) {
        let Some(seen) = self.errands.remove(&(index, errand)) else { return };
        let txn = match errand {
            Errand::Commit => commit(&name(), &seen),
            Errand::Activate => activate(&name(), &seen),
            Errand::Abort => abort(&name(), &seen),
        };
        if let Some(txn) = txn {
            let _outcome = self.coordinator.transact(&txn);
        }
    }

    fn fence(&mut self, index: usize) {
        self.coordinator.forget_node(index);
        let txn = fence(&self.coordinator.mirror(), GIVEN, &party(index));
        let _outcome = self.coordinator.transact(&txn);
    }

    fn take_over(&mut self, index: usize) {
        let mirror = self.coordinator.mirror();
        let name = name();
        let Some(bucket) = mirror.bucket(&name.group, name.bucket) else { return };
        let after = Succession { mirror: &mirror, term: GIVEN, group: &name.group, number: name.bucket, bucket };
        let silenced = BTreeSet::from([party(index).incarnation]);
        if let Some((txn, _)) = after.txn(&silenced, |_| Some(party(1 - index))) {
            let _outcome = self.coordinator.transact(&txn);
        }
    }

    /// The phase of the move, if it has a record.
    fn phase(&self) -> Option<Phase> {
        self.coordinator.planned().map(|seen| seen.record.phase)
    }

    fn serving(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.serves().is_some() || (node.running.is_some() && node.has_authority()))
    }

    /// Whether whoever serves has each acknowledged call.
    fn has_every_acknowledged_call(&self) -> bool {
        let is_kept = |node: &Node| {
            let has = |number: usize| node.held.state & (1 << number) != 0;
            (0..self.calls.len()).all(|number| {
                let call = &self.calls[number];
                !call.is_acked || call.is_excused || has(number)
            })
        };
        self.nodes.iter().filter(|node| node.serves().is_some()).all(is_kept)
    }
}

impl Model for Protocol {
    type State = Cluster;
    type Action = Happens;

    fn init_states(&self) -> Vec<Cluster> {
        let mut coordinator = Coordinator::new();
        let bucket = coordinator.bucket().clone();
        let txn = plan(Some(GIVEN), &name(), &bucket, &[slot()], &party(0), &party(1)).expect("a move from a to b");
        assert!(coordinator.transact(&txn).applied, "nothing speaks against it");
        let nodes = [Node::new(0, &mut coordinator), Node::new(1, &mut coordinator)];
        let (calls, errands) = (vec![Call::default(); self.calls.min(MOST_CALLS)], BTreeMap::new());
        vec![Cluster { coordinator, nodes, calls, errands, is_loss_declared: false }]
    }

    fn actions(&self, state: &Cluster, events: &mut Vec<Happens>) {
        (0..2).for_each(|index| state.node_events(index, self.bug, events));
        if state.nodes[1].question().is_some() {
            events.push(Happens::Answer);
        }
        if state.nodes[1].answer.is_some() {
            events.extend([Happens::Hear, Happens::Lose]);
        }
        events.extend(state.errands.keys().map(|(index, errand)| Happens::Deliver(*index, *errand)));
        events.extend(match state.phase() {
            Some(Phase::Copy) => Some(Happens::Abort),
            Some(Phase::Active | Phase::Aborted) => Some(Happens::CleanUp),
            _ => None,
        });
    }

    fn next_state(&self, state: &Cluster, event: Happens) -> Option<Cluster> {
        let mut next = state.clone();
        match event {
            Happens::Expire(index) => next.nodes[index].expire(),
            Happens::Beat(index) => next.nodes[index].beat(&mut next.coordinator),
            Happens::Arrive(call, index) => next.arrive(call, index),
            Happens::Finish(index, is_heard) => next.finish(index, is_heard),
            Happens::Read(index) => {
                let effects = next.nodes[index].read(&next.coordinator.observe(), self.bug);
                next.follow(index, &effects);
            }
            Happens::Keep(index) => {
                let effects = next.nodes[index].keep(&mut next.coordinator);
                next.follow(index, &effects);
            }
            Happens::Tick(index) => {
                let effects = next.nodes[index].tick(self.bug);
                next.follow(index, &effects);
            }
            Happens::Answer => next.answer(self.bug),
            Happens::Hear => {
                let effects = next.nodes[1].hear(self.bug);
                next.follow(1, &effects);
            }
            Happens::Lose => next.nodes[1].answer = None,
            Happens::Deliver(index, errand) => next.deliver(index, errand),
            Happens::Abort => {
                let txn = abort(&name(), &next.coordinator.observe())?;
                let _outcome = next.coordinator.transact(&txn);
            }
            Happens::Fence(index) => next.fence(index),
            Happens::TakeOver(index) => next.take_over(index),
            Happens::CleanUp => {
                let planned = next.coordinator.planned()?.clone();
                let txn = clean_up(GIVEN, &name().group, &name().id, &planned)?;
                let _outcome = next.coordinator.transact(&txn);
            }
        }
        next.forget_the_futile();
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("at most one node executes", |_, state: &Cluster| state.serving().count() <= 1),
            Property::always("no call runs twice", |_, state: &Cluster| state.calls.iter().all(|call| call.runs <= 1)),
            Property::always("no acknowledged call is lost", |_, state: &Cluster| state.has_every_acknowledged_call()),
            Property::always("nothing is lost without a fence", |_, state: &Cluster| {
                !state.is_loss_declared || (0..2).any(|index| state.coordinator.is_fenced(index))
            }),
            Property::sometimes("a move completes", |_, state: &Cluster| {
                state.nodes[1].serves() == Some(2) && state.nodes[1].held.since == 1
            }),
            Property::sometimes("an abort unseals", |_, state: &Cluster| {
                state.nodes[0].has_unsealed && state.nodes[0].serves().is_some()
            }),
            Property::sometimes("a failover serves", |_, state: &Cluster| {
                state.is_loss_declared && state.serving().count() == 1
            }),
            Property::sometimes("a sealed copy comes back", |_, state: &Cluster| {
                state.nodes[0].local == Local::Open(3) && state.nodes[0].held.since == 1
            }),
        ]
    }
}
