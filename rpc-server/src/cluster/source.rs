//! Drives the source of a move: answers the target's questions, and does what its machine says.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use rpc_core::cluster::hand_over::{Answer, Ask, Question};
use rpc_core::cluster::mirror::Mirror as Picture;
use rpc_core::cluster::moves::{self, MoveName, Observation, Source, SourceAction, SourceEvent, SourceState};
use rpc_core::cluster::records::Failure;
use rpc_core::slot::Slot;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;

use super::decide::decide;
use super::holder::Holder;
use super::joined::Joined;
use super::planted::{Planted, impatience};
use super::sending::{OutOfTurn, Sending, where_waiting_is_allowed};

/// Questions that wait for one source. A target asks one after the other; a second one is a repetition.
const MAX_QUESTIONS: usize = 4;

/// The longest that a source which has nothing to do goes without looking at the clock.
const LOOK: Duration = Duration::from_millis(500);

/// Aborts that are tried one after the other when each finds the bucket changed. Then the next tick asks again: it may be one that
/// cannot be written at all.
const MAX_ABORTS: usize = 3;

/// A question, and where its answer goes.
pub(super) type Asked = (Question, oneshot::Sender<Result<Answer, String>>);

/// A move from this node, until it is over.
pub(super) struct Giving {
    joined: Arc<Joined>,
    holder: Arc<Holder>,
    source: Source,
    sending: Option<Sending>,
    /// Why the move cannot go on, if it is to be told to all.
    failure: Option<Failure>,
    questions: mpsc::Receiver<Asked>,
    // The target waits for the seal: answered once no call runs in the slots.
    waiting: Option<(u64, oneshot::Sender<Result<Answer, String>>)>,
    drained: Option<BoxFuture<'static, ()>>,
    pictures: watch::Receiver<Arc<Picture>>,
}

impl Giving {
    /// Takes the source's side of a move, and gives the way to ask it.
    pub(super) fn begin(joined: &Arc<Joined>, holder: &Arc<Holder>, source: Source) -> (Self, mpsc::Sender<Asked>) {
        let (ask, questions) = mpsc::channel(MAX_QUESTIONS);
        let giving = Self {
            joined: joined.clone(),
            holder: holder.clone(),
            source,
            sending: None,
            failure: None,
            questions,
            waiting: None,
            drained: None,
            pictures: joined.pictures(),
        };
        (giving, ask)
    }

    /// Goes on until the move is over for this node.
    pub(super) async fn run(mut self) {
        while self.source.state() != SourceState::Ended {
            let actions = self.next().await;
            self.carry_out(actions).await;
            let actions = self.answer_waiting();
            self.carry_out(actions).await;
        }
        self.holder.given(self.source.slots());
        // A move back to this node may be waiting for that.
        self.joined.look_again();
    }

    async fn carry_out(&mut self, actions: Vec<SourceAction>) {
        let mut actions = VecDeque::from(actions);
        let mut aborts = 0;
        // What an abort reads asks for more: for the end, or, if another move has changed the bucket, for one more abort.
        while let Some(action) = actions.pop_front() {
            aborts += usize::from(action == SourceAction::Abort);
            if action != SourceAction::Abort || aborts <= MAX_ABORTS {
                actions.extend(self.act(action).await);
            }
        }
    }

    /// Waits for something to happen, and steps.
    async fn next(&mut self) -> Vec<SourceAction> {
        let drained = async {
            match &mut self.drained {
                Some(drained) => drained.await,
                None => std::future::pending().await,
            }
        };
        let now = self.joined.clock().now();
        let tick = self.source.next_tick().map_or(LOOK, |tick| tick.saturating_sub(now).min(LOOK));
        tokio::select! {
            biased;
            () = drained => {
                self.drained = None;
                if self.joined.planted != Some(Planted::NoSeal) {
                    self.holder.freeze(self.source.slots());
                }
                self.step(SourceEvent::Drained)
            }
            Some((question, reply)) = self.questions.recv() => self.asked(&question, reply),
            _ = self.pictures.changed() => self.look(),
            () = impatience(self.joined.planted, self.source.is_sealed()) => {
                self.holder.unseal(self.source.slots());
                Vec::new()
            }
            () = sleep(tick) => {
                let mut actions = self.step(SourceEvent::Tick);
                actions.extend(self.look());
                actions
            }
        }
    }

    fn look(&mut self) -> Vec<SourceAction> {
        let seen = Observation::mirrored(self.source.name(), &self.pictures.borrow_and_update());
        self.step(SourceEvent::Read(&seen))
    }

    fn step(&mut self, event: SourceEvent<'_>) -> Vec<SourceAction> {
        let now = self.joined.clock().now();
        self.source.step(event, now)
    }

    fn asked(&mut self, question: &Question, reply: oneshot::Sender<Result<Answer, String>>) -> Vec<SourceAction> {
        if let Err(why) = self.source.admits(question) {
            let _gone = reply.send(Err(why));
            return Vec::new();
        }
        match question.ask {
            Ask::Pull(number) => self.answer(number, reply),
            Ask::Seal(number) => {
                self.waiting = Some((number, reply));
                self.step(SourceEvent::SealAsked)
            }
        }
    }

    /// Answers a target that waits for the seal, once there is something to say.
    fn answer_waiting(&mut self) -> Vec<SourceAction> {
        let is_waited_for = matches!(self.source.state(), SourceState::Sealing { .. } | SourceState::Serving { .. });
        if self.waiting.is_none() || is_waited_for {
            return Vec::new();
        }
        let Some((number, reply)) = self.waiting.take() else { return Vec::new() };
        if self.source.is_sealed() {
            return self.answer(number, reply);
        }
        let _gone = reply.send(Err("the calls that run in the slots did not end in time".to_owned()));
        Vec::new()
    }

    /// Answers; what follows if that cannot be done is that the move is given up.
    fn answer(&mut self, number: u64, reply: oneshot::Sender<Result<Answer, String>>) -> Vec<SourceAction> {
        let holder = self.holder.clone();
        let answer = match where_waiting_is_allowed(holder.states(), || self.pull(number)) {
            Ok(answer) => answer.map_err(|out_of_turn| out_of_turn.to_string()),
            // What a state cannot give now it cannot give at the next question either, and callers may be waiting.
            Err(failure) => {
                self.joined.complaints.tell(self.source.name(), &failure);
                let _gone = reply.send(Err(failure.why.clone()));
                self.failure = Some(failure);
                return self.step(SourceEvent::Failed);
            }
        };
        let _gone = reply.send(answer);
        Vec::new()
    }

    fn pull(&mut self, number: u64) -> Result<Result<Answer, OutOfTurn>, Failure> {
        let sending = match &mut self.sending {
            Some(sending) => sending,
            None => {
                let slots: Vec<Slot> = self.source.slots().iter().map(|(slot, _)| *slot).collect();
                self.sending.insert(Sending::begin(self.holder.states().to_vec(), slots)?)
            }
        };
        sending.answer(number, self.source.is_sealed())
    }

    async fn act(&mut self, action: SourceAction) -> Vec<SourceAction> {
        match action {
            SourceAction::Seal if self.joined.planted == Some(Planted::NoSeal) => {
                self.drained = Some(std::future::ready(()).boxed());
                Vec::new()
            }
            SourceAction::Seal => {
                let is_sealed = self.holder.seal(self.source.slots());
                if !is_sealed {
                    return self.step(SourceEvent::Failed);
                }
                self.drained = Some(drain(&self.holder, self.source.slots()));
                Vec::new()
            }
            SourceAction::Abort => {
                let (coordinator, clock) = (self.joined.coordinator(), self.joined.clock());
                let name = self.source.name().clone();
                let seen = Observation::mirrored(&name, &self.pictures.borrow());
                let abort = |name: &MoveName, seen: &Observation| moves::abort_for(name, seen, self.failure.as_ref());
                match decide(coordinator, clock, &name, &seen, abort).await {
                    Ok(seen) => self.step(SourceEvent::Read(&seen)),
                    // It is asked for again at the next tick.
                    Err(_) => Vec::new(),
                }
            }
            SourceAction::Forward(to) => {
                self.holder.hand(self.source.slots(), &to.node);
                Vec::new()
            }
            SourceAction::End(end) => {
                self.sending = None;
                let with_epochs = |slots: &[Slot]| {
                    let is_in = |(slot, _): &&(Slot, u64)| slots.contains(slot);
                    self.source.slots().iter().filter(is_in).copied().collect::<Vec<_>>()
                };
                self.holder.unseal(&with_epochs(&end.open));
                self.holder.keep(&with_epochs(&end.kept));
                let dropped: Vec<Slot> = end.dropped.iter().map(|dropped| dropped.slot).collect();
                self.holder.pass_on(&with_epochs(&dropped), &end.dropped);
                self.joined.look_again();
                Vec::new()
            }
        }
    }
}

/// Ready when no call runs in any of these sealed slots.
fn drain(holder: &Arc<Holder>, slots: &[(Slot, u64)]) -> BoxFuture<'static, ()> {
    let group = holder.group().clone();
    let slots: Vec<Slot> = slots.iter().map(|(slot, _)| *slot).collect();
    async move {
        for slot in slots {
            group.drained(slot).await;
        }
    }
    .boxed()
}
