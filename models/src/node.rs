//! One node of the model: the machines of `rpc-core`, what it holds of the slot, and the driver between them.

use std::time::Duration;

use rpc_core::cluster::authority::{Authority, State, Timing};
use rpc_core::cluster::hand_over::{Ask, FORMAT, Head, Question};
use rpc_core::cluster::keeper::{Keep, Local, disown, keep, raise, settle};
use rpc_core::cluster::moves::{
    Observation, Source, SourceAction, SourceEvent, SourceState, Target, TargetAction, TargetEvent, TargetState,
};
use rpc_core::state::Content;

use crate::Bug;
use crate::coordinator::{CLUSTER, Coordinator, GIVEN, name, party, slot};

/// The moment of everything that is no time-out.
pub const NOW: Duration = Duration::ZERO;

/// The moment of every time-out: later than any limit of the machines.
pub const FAR: Duration = Duration::from_secs(3600);

/// From one beat to the next, on a node's clock: authority from the one has ended by the other, or has just been renewed.
const BETWEEN_BEATS: Duration = Duration::from_secs(100);

/// What is held of the slot: calls, each as one bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Held {
    /// What they did.
    pub state: u8,
    /// That they were answered.
    pub dedup: u8,
    /// The epoch from which on `dedup` misses nothing.
    pub since: u64,
}

/// A transaction on its way: it was made from what was read, and is carried out later, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Errand {
    /// The target commits.
    Commit,
    /// The target says that it serves.
    Activate,
    /// Either gives up.
    Abort,
}

/// An answer on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Answer {
    number: u64,
    is_last: bool,
    held: Held,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    index: usize,
    /// Its right to execute.
    authority: Authority,
    beats: u32,
    has_lapsed: bool,
    /// How the slot stands here.
    pub local: Local,
    /// What it holds of the slot, if `local` is more than closed or staged.
    pub held: Held,
    staged: Held,
    source: Option<Source>,
    target: Option<Target>,
    has_begun: bool,
    asked: Option<Ask>,
    /// The answer to the target, on its way.
    pub answer: Option<Answer>,
    /// The call that runs.
    pub running: Option<u8>,
    /// A sealed slot was opened again.
    pub has_unsealed: bool,
}

/// What a step of a node's leaves to its surroundings.
#[derive(Debug, Default)]
pub struct Effects {
    /// Transactions to be sent.
    pub errands: Vec<Errand>,
    /// The loss of what was held before is declared.
    pub is_loss_declared: bool,
}

impl Node {
    /// Node `index`, which has beaten once.
    pub fn new(index: usize, coordinator: &mut Coordinator) -> Self {
        let party = party(index);
        let local = if index == 0 { Local::Open(1) } else { Local::Closed };
        let mut node = Self {
            index,
            authority: Authority::new(Timing::default(), party.node, party.incarnation, CLUSTER, GIVEN),
            beats: 0,
            has_lapsed: true,
            local,
            held: Held { since: 1, ..Held::default() },
            staged: Held::default(),
            source: None,
            target: None,
            has_begun: false,
            asked: None,
            answer: None,
            running: None,
            has_unsealed: false,
        };
        node.beat(coordinator);
        node
    }

    /// How often it has beaten.
    pub fn beats(&self) -> u32 {
        self.beats
    }

    fn now(&self) -> Duration {
        BETWEEN_BEATS * self.beats + if self.has_lapsed { BETWEEN_BEATS / 2 } else { Duration::ZERO }
    }

    /// Whether it may execute.
    pub fn has_authority(&self) -> bool {
        self.authority.is_held(self.now())
    }

    /// Whether it takes calls of the slot, and in which epoch.
    pub fn serves(&self) -> Option<u64> {
        match self.local {
            Local::Open(epoch) if self.has_authority() => Some(epoch),
            _ => None,
        }
    }

    /// Time passes until its authority is over.
    pub fn expire(&mut self) {
        self.has_lapsed = true;
    }

    /// It beats, and hears what came of it.
    pub fn beat(&mut self, coordinator: &mut Coordinator) {
        self.beats += 1;
        self.has_lapsed = false;
        let Some(claim) = self.authority.due(self.now()) else { return };
        self.authority.answered(claim.sent, claim.sent, Ok(&coordinator.transact(&claim.txn)));
        if self.authority.state(self.now()) == State::Fenced {
            self.drop_all();
        }
    }

    fn drop_all(&mut self) {
        self.close();
        (self.source, self.target, self.asked, self.answer) = (None, None, None, None);
        (self.staged, self.has_begun) = (Held::default(), true);
    }

    fn close(&mut self) {
        (self.local, self.held, self.running) = (Local::Closed, Held::default(), None);
    }

    /// Whether reading may lead to anything.
    pub fn can_read(&self) -> bool {
        !self.has_begun || self.source.is_some() || self.target.is_some()
    }

    /// Whether a time-out may lead to anything.
    pub fn can_tick(&self) -> bool {
        let of_source = self.source.as_ref().and_then(Source::next_tick);
        of_source.or_else(|| self.target.as_ref().and_then(Target::next_tick)).is_some_and(|moment| moment <= FAR)
    }

    /// Whether a look at the map leads to anything.
    pub fn can_keep(&self, coordinator: &Coordinator) -> bool {
        keep(party(self.index).incarnation, &self.local, Some(coordinator.holding())) != Keep::AsIs
    }

    /// It reads what there is to read of the move.
    pub fn read(&mut self, seen: &Observation, bug: Option<Bug>) -> Effects {
        let me = party(self.index).incarnation;
        let mut effects = Effects::default();
        if !self.has_begun && matches!(self.local, Local::Open(_)) {
            self.source = Source::start(name(), me, seen, NOW);
            self.has_begun = self.source.is_some();
        } else if !self.has_begun && self.local == Local::Closed {
            if let Some((target, actions)) = Target::start(name(), me, seen, NOW) {
                (self.target, self.has_begun, self.local) = (Some(target), true, Local::Staged);
                self.target_acts(actions, bug, &mut effects);
            }
        } else if let Some(source) = &mut self.source {
            let is_late = matches!(source.state(), SourceState::GivingUp { .. });
            let actions = source.step(SourceEvent::Read(seen), if is_late { FAR } else { NOW });
            self.source_acts(actions, bug, &mut effects);
        } else if let Some(target) = &mut self.target {
            let is_late = matches!(target.state(), TargetState::GivingUp { .. });
            let actions = target.step(TargetEvent::Read(seen), if is_late { FAR } else { NOW });
            self.target_acts(actions, bug, &mut effects);
        }
        effects
    }

    /// Its patience with the move ends.
    pub fn tick(&mut self, bug: Option<Bug>) -> Effects {
        let mut effects = Effects::default();
        if let Some(source) = &mut self.source {
            let actions = source.step(SourceEvent::Tick, FAR);
            if let (Some(Bug::TimerUnseals), Local::Sealed(epoch)) = (bug, &self.local) {
                self.local = Local::Open(*epoch);
            }
            self.source_acts(actions, bug, &mut effects);
        } else if let Some(target) = &mut self.target {
            let actions = target.step(TargetEvent::Tick, FAR);
            self.target_acts(actions, bug, &mut effects);
            if bug == Some(Bug::TimerDiscards) && self.local == Local::Staged {
                (self.target, self.asked, self.answer, self.local) = (None, None, None, Local::Closed);
            }
        }
        effects
    }

    fn source_acts(&mut self, actions: Vec<SourceAction>, bug: Option<Bug>, effects: &mut Effects) {
        for action in actions {
            match action {
                SourceAction::Seal if bug == Some(Bug::NoSeal) => {}
                SourceAction::Seal | SourceAction::Forward(_) => {
                    if let Local::Open(epoch) = self.local {
                        self.local = Local::Sealed(epoch);
                    }
                }
                SourceAction::Abort => effects.errands.push(Errand::Abort),
                SourceAction::End(end) => {
                    self.source = None;
                    if let (false, Local::Sealed(epoch)) = (end.open.is_empty(), &self.local) {
                        (self.local, self.has_unsealed) = (Local::Open(*epoch), true);
                    }
                    if let (false, Local::Sealed(epoch)) = (end.kept.is_empty(), &self.local) {
                        (self.local, self.running) = (Local::Kept(*epoch), None);
                    }
                    if !end.dropped.is_empty() {
                        self.close();
                    }
                }
            }
        }
    }

    fn target_acts(&mut self, actions: Vec<TargetAction>, bug: Option<Bug>, effects: &mut Effects) {
        for action in actions {
            match action {
                TargetAction::Ask(ask) => (self.asked, self.answer) = (Some(ask), None),
                TargetAction::Commit => effects.errands.push(Errand::Commit),
                TargetAction::Abort => effects.errands.push(Errand::Abort),
                TargetAction::Activate => {
                    effects.errands.push(Errand::Activate);
                    if bug == Some(Bug::ServesBeforeActive) {
                        self.open_staged(2);
                    }
                }
                TargetAction::Open(slots) => {
                    slots.iter().for_each(|(_, epoch)| self.open_staged(*epoch));
                    self.target = None;
                }
                TargetAction::Discard(_) => {
                    if self.local == Local::Staged {
                        self.local = Local::Closed;
                    }
                    (self.target, self.staged) = (None, Held::default());
                }
            }
        }
        if !matches!(self.target.as_ref().map(Target::state), Some(TargetState::Pulling(_) | TargetState::Sealing(_))) {
            (self.asked, self.answer) = (None, None);
        }
    }

    fn open_staged(&mut self, epoch: u64) {
        if self.local == Local::Staged {
            (self.local, self.held) = (Local::Open(epoch), std::mem::take(&mut self.staged));
        }
    }

    /// What it asks the other, unless an answer is on its way.
    pub fn question(&self) -> Option<Question> {
        let ask = self.asked.filter(|_| self.answer.is_none())?;
        let (name, to) = (name(), party(self.index).incarnation);
        Some(Question { format: FORMAT, cluster: String::new(), group: name.group, mig: name.id, to, ask })
    }

    /// It answers as the source: `None` while it cannot yet, `Err` if it does not.
    pub fn answer(&mut self, question: &Question, bug: Option<Bug>) -> Option<Result<Answer, Effects>> {
        let mut effects = Effects::default();
        let source = match &mut self.source {
            Some(source) if source.admits(question).is_ok() => source,
            _ => return Some(Err(effects)),
        };
        let (number, is_last) = match question.ask {
            Ask::Pull(number) => (number, false),
            Ask::Seal(number) => (number, true),
        };
        if is_last {
            let actions = source.step(SourceEvent::SealAsked, NOW);
            self.source_acts(actions, bug, &mut effects);
            let source = self.source.as_mut()?;
            if self.running.is_none() || bug == Some(Bug::NoSeal) {
                let _nothing = source.step(SourceEvent::Drained, NOW);
            }
            if !source.is_sealed() {
                return None;
            }
        }
        let dedup = if bug == Some(Bug::DedupStays) { 0 } else { self.held.dedup };
        Some(Ok(Answer { number, is_last, held: Held { dedup, ..self.held } }))
    }

    /// The answer arrives.
    pub fn hear(&mut self, bug: Option<Bug>) -> Effects {
        let mut effects = Effects::default();
        let (Some(answer), Some(target)) = (self.answer.take(), &mut self.target) else { return effects };
        let head =
            Head { number: answer.number, pieces: Vec::new(), pending: 0, is_sealed: answer.is_last, totals: None };
        self.staged = answer.held;
        let totals = answer.is_last.then_some(true);
        let actions = target.step(TargetEvent::Answered { head: &head, totals }, NOW);
        self.target_acts(actions, bug, &mut effects);
        effects
    }

    /// The source does not answer questions of this move any more.
    pub fn refused(&mut self, bug: Option<Bug>) -> Effects {
        let mut effects = Effects::default();
        if let Some(target) = &mut self.target {
            let actions = target.step(TargetEvent::Failed, FAR);
            self.target_acts(actions, bug, &mut effects);
        }
        effects
    }

    /// It looks at the map and keeps its slot.
    pub fn keep(&mut self, coordinator: &mut Coordinator) -> Effects {
        let me = party(self.index).incarnation;
        let mut effects = Effects::default();
        let (group, bucket) = (name().group, coordinator.bucket().clone());
        match keep(me, &self.local, Some(coordinator.holding())) {
            Keep::AsIs => {}
            Keep::Load { epoch, content, lost } => {
                if content != Content::Kept {
                    self.held = Held { since: epoch, ..Held::default() };
                }
                (self.local, effects.is_loss_declared) = (Local::Open(epoch), lost.is_some());
            }
            Keep::Close | Keep::Forget => self.close(),
            Keep::Raise(held) => {
                if let Some(txn) = raise(me, &group, 0, &bucket, &[(slot(), held)]) {
                    let _outcome = coordinator.transact(&txn);
                }
            }
            step @ (Keep::Settle | Keep::Disown) => {
                let write = if step == Keep::Settle { settle } else { disown };
                let slots = [(slot(), coordinator.holding().epoch)];
                if let Some(txn) = write(me, &group, 0, &bucket, &slots) {
                    let _outcome = coordinator.transact(&txn);
                }
            }
        }
        effects
    }
}
