//! Drives the target of a move: asks the source, stages what comes, and does what its machine says.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rpc_core::cluster::hand_over::{Answer, Ask, FORMAT, Question};
use rpc_core::cluster::mirror::Mirror as Picture;
use rpc_core::cluster::moves::{self, MoveName, Observation, Target, TargetAction, TargetEvent};
use rpc_core::cluster::records::{Failure, Incarnation};
use rpc_core::state::StateError;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::decide::decide;
use super::holder::Holder;
use super::joined::Joined;
use super::sending::where_waiting_is_allowed;

/// Wait before a question that was not answered, or a transaction whose outcome is not known, is repeated.
const AGAIN: Duration = Duration::from_millis(50);

/// The longest that a target which has nothing to do goes without looking at the clock.
const LOOK: Duration = Duration::from_millis(500);

/// A move to this node, from its first question to its end.
pub(super) struct Receiving {
    joined: Arc<Joined>,
    holder: Arc<Holder>,
    target: Target,
    /// What was read last by a transaction of this node's own; the picture may be older, or newer.
    read: Option<Observation>,
    /// Why the move cannot go on, if it is to be told to all.
    failure: Option<Failure>,
    pictures: watch::Receiver<Arc<Picture>>,
}

impl Receiving {
    /// Begins to receive the move of this name, if the picture shows one to `me` that is still open.
    pub(super) fn begin(
        joined: &Arc<Joined>,
        holder: &Arc<Holder>,
        name: MoveName,
        me: Incarnation,
    ) -> Option<(Self, Vec<TargetAction>)> {
        let pictures = joined.pictures();
        let seen = Observation::mirrored(&name, &pictures.borrow());
        let (target, first) = Target::start(name, me, &seen, joined.clock().now())?;
        let slots: Vec<_> = target.slots().iter().map(|(slot, _)| *slot).collect();
        if !holder.stage(&slots) {
            return None;
        }
        Some((
            Self { joined: joined.clone(), holder: holder.clone(), target, read: None, failure: None, pictures },
            first,
        ))
    }

    /// Goes on until the move is over for this node.
    pub(super) async fn run(mut self, mut actions: Vec<TargetAction>) {
        loop {
            let mut next = Vec::new();
            for action in actions {
                next.extend(self.act(action).await);
            }
            if matches!(self.target.state(), moves::TargetState::Ended) && next.is_empty() {
                return;
            }
            if next.is_empty() {
                let _soon = timeout(LOOK, self.pictures.changed()).await;
                let now = self.now();
                next.extend(self.target.step(TargetEvent::Tick, now));
            }
            let seen = Observation::mirrored(self.target.name(), &self.pictures.borrow_and_update());
            let now = self.now();
            // What the mirror shows may be older than what a transaction told; the machine passes that over.
            let read = self.target.step(TargetEvent::Read(&seen), now);
            next.extend(read.into_iter().filter(|action| !next.contains(action)).collect::<Vec<_>>());
            actions = next;
        }
    }

    async fn act(&mut self, action: TargetAction) -> Vec<TargetAction> {
        match action {
            TargetAction::Ask(ask) => self.ask(ask).await,
            TargetAction::Commit => self.decide(moves::commit).await,
            TargetAction::Activate => self.decide(moves::activate).await,
            TargetAction::Abort => {
                let failure = self.failure.clone();
                self.decide(|name, seen| moves::abort_for(name, seen, failure.as_ref())).await
            }
            TargetAction::Open(slots) => {
                self.holder.open_staged(&slots, &self.joined.me);
                Vec::new()
            }
            TargetAction::Discard(slots) => {
                self.holder.discard(&slots);
                self.joined.look_again();
                Vec::new()
            }
        }
    }

    async fn ask(&mut self, ask: Ask) -> Vec<TargetAction> {
        let name = self.target.name();
        let question = Question {
            format: FORMAT,
            cluster: self.joined.cluster().to_owned(),
            group: name.group.clone(),
            mig: name.id.clone(),
            to: self.joined.incarnation(),
            ask,
        };
        let (Ask::Pull(number) | Ask::Seal(number)) = ask;
        let address = self.joined.address_of(&self.target.from().node);
        let answer = match &address {
            Some(address) => self.joined.transport().ask(address, &question).await.map_err(|error| error.to_string()),
            None => Err("the source is not registered".to_owned()),
        };
        let (now, holder) = (self.now(), self.holder.clone());
        match answer {
            Ok(answer) => match where_waiting_is_allowed(holder.states(), || self.take(&answer, number)) {
                Ok(totals) => self.target.step(TargetEvent::Answered { head: &answer.head, totals }, now),
                Err(failure) => {
                    self.fail(failure);
                    self.target.step(TargetEvent::Failed, now)
                }
            },
            Err(error) => {
                tracing::debug!(mig = %question.mig, %error, "the source of a move did not answer");
                sleep(AGAIN).await;
                let now = self.now();
                self.target.step(TargetEvent::Unanswered, now)
            }
        }
    }

    /// Stages what an answer brought, and says whether its totals hold, if it has any.
    ///
    /// # Errors
    /// Why the move cannot go on.
    fn take(&mut self, answer: &Answer, number: u64) -> Result<Option<bool>, Failure> {
        if answer.head.number != number {
            // The machine knows what to make of it; what it brings was staged before, or must not be.
            return Ok(None);
        }
        for (head, piece) in answer.head.pieces.iter().zip(&answer.pieces) {
            let state = self.holder.states().iter().find(|(name, _)| *name == head.state);
            let Some((_, state)) = state else {
                let why = format!("it copies the state {:?}, which {} does not have", head.state, self.joined.me);
                return Err(Failure::new(None, why));
            };
            if !self.target.slots().iter().any(|(slot, _)| *slot == head.slot) {
                return Err(Failure::new(None, format!("its source sent slot {}, which is not of it", head.slot)));
            }
            let failed = |error: StateError| Failure::new(Some(head.slot), format!("on {}: {error}", self.joined.me));
            state.stage(head.slot, piece).map_err(failed)?;
        }
        let Some(totals) = &answer.head.totals else { return Ok(None) };
        let mut staged = HashMap::new();
        for (name, state) in self.holder.states() {
            for (slot, _) in self.target.slots() {
                let failed = |error: StateError| Failure::new(Some(*slot), format!("on {}: {error}", self.joined.me));
                staged.insert((name.as_str(), *slot), state.staged(*slot).map_err(failed)?);
            }
        }
        let names: Vec<&str> = self.holder.states().iter().map(|(name, _)| name.as_str()).collect();
        let staged = |name: &str, slot| staged.get(&(name, slot)).copied().unwrap_or_default();
        let held = moves::totals_hold(totals, &names, self.target.slots(), staged);
        let is_whole = held.is_ok();
        if let Err(why) = held {
            self.fail(Failure::new(None, format!("a copy is not what its source has: {why}")));
        }
        Ok(Some(is_whole))
    }

    fn fail(&mut self, failure: Failure) {
        self.joined.complaints.tell(self.target.name(), &failure);
        self.failure = Some(failure);
    }

    async fn decide(
        &mut self,
        build: impl Fn(&MoveName, &Observation) -> Option<rpc_core::coordinator::Txn>,
    ) -> Vec<TargetAction> {
        let name = self.target.name().clone();
        let mirrored = Observation::mirrored(&name, &self.pictures.borrow());
        let seen = self.read.take().filter(|read| read.revision > mirrored.revision).unwrap_or(mirrored);
        let mut decided = decide(self.joined.coordinator(), self.joined.clock(), &name, &seen, build).await;
        if let Err(error) = &decided {
            tracing::debug!(mig = %name.id, %error, "what became of a move is not known yet");
            sleep(AGAIN).await;
            // Read again: nothing is done on a guess.
            decided = decide(self.joined.coordinator(), self.joined.clock(), &name, &seen, |_, _| None).await;
        }
        let Ok(read) = decided else { return Vec::new() };
        let now = self.now();
        let actions = self.target.step(TargetEvent::Read(&read), now);
        self.read = Some(read);
        actions
    }

    fn now(&self) -> Duration {
        self.joined.clock().now()
    }
}
