//! The source of a move: it serves, seals when asked, and then does only what it has read.

use std::time::Duration;

use super::super::hand_over::{FORMAT, Question};
use super::super::records::{Holding, Incarnation, Party};
use super::{ABORT_AGAIN, DRAIN, MOVE, MoveName, Observation, SEALED, Verdict};
use crate::coordinator::Revision;
use crate::slot::Slot;

/// The source's side of one move.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    name: MoveName,
    me: Incarnation,
    to: Party,
    /// The slots, with the epochs in which this node serves them.
    slots: Vec<(Slot, u64)>,
    state: SourceState,
    /// What was read last; older news are passed over.
    seen: Revision,
}

/// How far the source is. Times are moments on this node's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceState {
    /// It serves, and answers pulls.
    Serving {
        /// When it gives up.
        until: Duration,
    },
    /// It takes no new calls, and waits for the running ones to end.
    Sealing {
        /// When it gives up.
        until: Duration,
    },
    /// No call runs: the last answers are given.
    Sealed {
        /// When it gives up.
        until: Duration,
    },
    /// It wants the move aborted. If it was sealed it stays so.
    GivingUp {
        /// Whether the slots are sealed.
        is_sealed: bool,
        /// When it asks again.
        again: Duration,
    },
    /// It has read that the target owns the slots: late calls are forwarded, and the sealed copy is kept.
    Handed,
    /// It is over.
    Ended,
}

/// What happens to a source.
#[derive(Clone, Copy, Debug)]
pub enum SourceEvent<'a> {
    /// The target asks for the seal.
    SealAsked,
    /// No call runs in the sealed slots any more.
    Drained,
    /// Something was read.
    Read(&'a Observation),
    /// It cannot go on: a buffer is full, or state cannot be written.
    Failed,
    /// Time has passed.
    Tick,
}

/// What a source wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceAction {
    /// Seal the slots: new calls are parked. Tell when the running ones have ended.
    Seal,
    /// Abort the move: read, run [`abort`](super::abort), read, and tell what was read.
    Abort,
    /// Seal the slots if they are not, and forward parked and late calls to the target.
    Forward(Party),
    /// The move is over.
    End(SourceEnd),
}

/// How each slot of a move ended at its source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceEnd {
    /// Still served here, in the epoch before: unseal, and stop to keep track of changes.
    pub open: Vec<Slot>,
    /// Given back by a failover: the sealed copy stays, and is loaded as the keeper says.
    pub kept: Vec<Slot>,
    /// Another's: drop the copy.
    pub dropped: Vec<Dropped>,
}

/// A slot that is not the source's any more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dropped {
    /// Which.
    pub slot: Slot,
    /// Whose it is. That need not be the target: a move that was aborted may have been followed by a failover.
    pub owner: Option<Holding>,
}

impl Source {
    /// The source of a move that the mirror shows in Copy at `now`: `None` if it is over, or not `me` but another is its source, or
    /// one of its slots is not held by `me`.
    pub fn start(name: MoveName, me: Incarnation, seen: &Observation, now: Duration) -> Option<Self> {
        let planned = seen.planned.as_ref().filter(|planned| planned.record.from.incarnation == me)?;
        if seen.verdict() != Verdict::Copy {
            return None;
        }
        let bucket = seen.bucket.as_ref()?;
        let slots = planned.record.slots.iter().map(|slot| {
            let holding = bucket.record.holding(*slot).filter(|holding| holding.incarnation == me)?;
            Some((*slot, holding.epoch))
        });
        let slots = slots.collect::<Option<Vec<_>>>()?;
        let (to, state) = (planned.record.to.clone(), SourceState::Serving { until: now + MOVE });
        Some(Self { name, me, to, slots, state, seen: seen.revision })
    }

    /// Which move.
    pub fn name(&self) -> &MoveName {
        &self.name
    }

    /// Whose the slots shall be.
    pub fn to(&self) -> &Party {
        &self.to
    }

    /// The slots, with the epochs in which this node serves them.
    pub fn slots(&self) -> &[(Slot, u64)] {
        &self.slots
    }

    /// How far it is.
    pub fn state(&self) -> SourceState {
        self.state
    }

    /// Whether the slots are sealed and no call runs in them.
    pub fn is_sealed(&self) -> bool {
        matches!(self.state, SourceState::Sealed { .. })
    }

    /// When to send a [`Tick`](SourceEvent::Tick) at the latest.
    pub fn next_tick(&self) -> Option<Duration> {
        match self.state {
            SourceState::Serving { until } | SourceState::Sealing { until } | SourceState::Sealed { until } => {
                Some(until)
            }
            SourceState::GivingUp { again, .. } => Some(again),
            SourceState::Handed | SourceState::Ended => None,
        }
    }

    /// Whether a question is to be answered.
    ///
    /// # Errors
    /// Why not, as a sentence. Nothing changes by it.
    pub fn admits(&self, question: &Question) -> Result<(), String> {
        if question.format != FORMAT {
            return Err(format!("this node hands over in format {FORMAT}, not in {}", question.format));
        }
        if question.mig != self.name.id || question.group != self.name.group {
            return Err("the question is about another move".to_owned());
        }
        if question.to != self.to.incarnation {
            return Err("the one who asks is not the target of this move".to_owned());
        }
        match self.state {
            SourceState::Serving { .. } | SourceState::Sealing { .. } | SourceState::Sealed { .. } => Ok(()),
            SourceState::GivingUp { .. } => Err("this node wants the move aborted".to_owned()),
            SourceState::Handed | SourceState::Ended => Err("the move is over here".to_owned()),
        }
    }

    /// What follows from `event` at `now`.
    pub fn step(&mut self, event: SourceEvent<'_>, now: Duration) -> Vec<SourceAction> {
        match event {
            SourceEvent::SealAsked => self.seal(now),
            SourceEvent::Drained => self.drained(),
            SourceEvent::Read(seen) => self.read(seen, now),
            SourceEvent::Failed => self.give_up(now),
            SourceEvent::Tick => match self.next_tick() {
                Some(moment) if moment <= now => self.give_up(now),
                _ => Vec::new(),
            },
        }
    }

    fn seal(&mut self, now: Duration) -> Vec<SourceAction> {
        if !matches!(self.state, SourceState::Serving { .. }) {
            return Vec::new();
        }
        self.state = SourceState::Sealing { until: now + DRAIN };
        vec![SourceAction::Seal]
    }

    fn drained(&mut self) -> Vec<SourceAction> {
        if let SourceState::Sealing { until } = self.state {
            self.state = SourceState::Sealed { until: until + (SEALED - DRAIN) };
        }
        Vec::new()
    }

    /// Time or a failure only makes it ask for an abort: sealed slots stay sealed until it has read what came of that.
    fn give_up(&mut self, now: Duration) -> Vec<SourceAction> {
        let is_sealed = match self.state {
            SourceState::Serving { .. } => false,
            SourceState::Sealing { .. } | SourceState::Sealed { .. } => true,
            SourceState::GivingUp { is_sealed, .. } => is_sealed,
            SourceState::Handed | SourceState::Ended => return Vec::new(),
        };
        self.state = SourceState::GivingUp { is_sealed, again: now + ABORT_AGAIN };
        vec![SourceAction::Abort]
    }

    fn read(&mut self, seen: &Observation, now: Duration) -> Vec<SourceAction> {
        if seen.revision < self.seen || self.state == SourceState::Ended {
            return Vec::new();
        }
        self.seen = seen.revision;
        match seen.verdict() {
            Verdict::Copy if matches!(self.state, SourceState::GivingUp { .. }) => self.give_up(now),
            Verdict::Copy => Vec::new(),
            Verdict::Committed => self.hand(),
            // Without the bucket nothing is known of the slots: wait for one that can be read.
            Verdict::Active | Verdict::Aborted | Verdict::Gone if seen.bucket.is_none() => Vec::new(),
            Verdict::Active => {
                let mut actions = self.hand();
                self.state = SourceState::Ended;
                let dropped = self.slots.iter().map(|(slot, _)| dropped(*slot, seen)).collect();
                actions.push(SourceAction::End(SourceEnd { dropped, ..SourceEnd::default() }));
                actions
            }
            Verdict::Aborted | Verdict::Gone => self.end(seen),
        }
    }

    fn hand(&mut self) -> Vec<SourceAction> {
        if self.state == SourceState::Handed {
            return Vec::new();
        }
        self.state = SourceState::Handed;
        vec![SourceAction::Forward(self.to.clone())]
    }

    /// The move did not come about, or its record is gone: the bucket says whose each slot is. Held here in the same epoch means that
    /// the move was never committed, and now never can be: a commit needs the record as it was.
    fn end(&mut self, seen: &Observation) -> Vec<SourceAction> {
        let mut end = SourceEnd::default();
        for (slot, epoch) in &self.slots {
            if seen.is_held(*slot, self.me, *epoch) {
                end.open.push(*slot);
            } else if seen.is_given_back(*slot, self.me, *epoch) {
                end.kept.push(*slot);
            } else {
                end.dropped.push(dropped(*slot, seen));
            }
        }
        self.state = SourceState::Ended;
        vec![SourceAction::End(end)]
    }
}

fn dropped(slot: Slot, seen: &Observation) -> Dropped {
    let owner = seen.bucket.as_ref().and_then(|bucket| bucket.record.holding(slot)).cloned();
    Dropped { slot, owner }
}

#[cfg(test)]
mod tests {
    use super::super::super::records::{Phase, Standing};
    use super::super::fixtures::{A, B, holding, moving, name, observed, party, slot};
    use super::*;

    const START: Duration = Duration::from_secs(100);

    fn source() -> Source {
        Source::start(name(), A, &observed(5, Some(Phase::Copy), &moving()), START).expect("a source")
    }

    fn sealed() -> Source {
        let mut source = source();
        assert_eq!(source.step(SourceEvent::SealAsked, START), vec![SourceAction::Seal]);
        assert!(!source.is_sealed());
        assert!(source.step(SourceEvent::Drained, START).is_empty());
        assert!(source.is_sealed());
        source
    }

    fn both() -> Vec<Slot> {
        vec![slot(1), slot(2)]
    }

    fn both_of(owner: &Holding) -> Vec<Dropped> {
        both().into_iter().map(|slot| Dropped { slot, owner: Some(owner.clone()) }).collect()
    }

    #[test]
    fn a_sealed_source_opens_only_after_reading_the_abort() {
        let mut source = sealed();
        let late = START + MOVE + MOVE;
        assert_eq!(source.step(SourceEvent::Tick, late), vec![SourceAction::Abort]);
        assert_eq!(source.step(SourceEvent::Tick, late + ABORT_AGAIN), vec![SourceAction::Abort], "it only asks");
        let copying = observed(6, Some(Phase::Copy), &moving());
        assert_eq!(source.step(SourceEvent::Read(&copying), late), vec![SourceAction::Abort], "nor does a lost race");
        let aborted = observed(7, Some(Phase::Aborted), &holding("a", A, 3, Standing::Stable));
        let end = SourceEnd { open: both(), ..SourceEnd::default() };
        assert_eq!(source.step(SourceEvent::Read(&aborted), late), vec![SourceAction::End(end)]);
    }

    #[test]
    fn a_drain_that_takes_too_long_asks_for_the_abort_and_stays_sealed() {
        let mut source = source();
        let _seal = source.step(SourceEvent::SealAsked, START);
        assert!(source.step(SourceEvent::Tick, START + DRAIN / 2).is_empty());
        assert_eq!(source.step(SourceEvent::Tick, START + DRAIN), vec![SourceAction::Abort]);
        assert!(source.step(SourceEvent::Drained, START + DRAIN).is_empty());
        assert!(!source.is_sealed(), "and gives no last answer any more");
    }

    #[test]
    fn a_committed_move_is_forwarded_and_its_copy_kept_until_the_target_serves() {
        let mut source = sealed();
        let theirs = holding("b", B, 4, Standing::Stable);
        let read = observed(6, Some(Phase::Committed), &theirs);
        let forward = SourceAction::Forward(party("b", B));
        assert_eq!(source.step(SourceEvent::Read(&read), START), vec![forward]);
        assert_eq!(source.state(), SourceState::Handed);
        assert!(source.step(SourceEvent::Tick, START + MOVE).is_empty(), "no timer drops it");
        let end = SourceEnd { dropped: both_of(&theirs), ..SourceEnd::default() };
        let read = observed(7, Some(Phase::Active), &theirs);
        assert_eq!(source.step(SourceEvent::Read(&read), START), vec![SourceAction::End(end)]);
    }

    #[test]
    fn a_record_that_is_gone_leaves_the_bucket_to_say_how_it_ended() {
        let gone = |of_slots| observed(9, None, &of_slots);
        let stays = gone(holding("a", A, 3, Standing::Stable));
        let end = SourceEnd { open: both(), ..SourceEnd::default() };
        assert_eq!(sealed().step(SourceEvent::Read(&stays), START), vec![SourceAction::End(end)]);

        let back = gone(holding("a", A, 5, Standing::Recovering { lost: None, kept: Some(3) }));
        let end = SourceEnd { kept: both(), ..SourceEnd::default() };
        assert_eq!(sealed().step(SourceEvent::Read(&back), START), vec![SourceAction::End(end)]);

        let theirs = holding("b", B, 4, Standing::Stable);
        let end = SourceEnd { dropped: both_of(&theirs), ..SourceEnd::default() };
        assert_eq!(sealed().step(SourceEvent::Read(&gone(theirs)), START), vec![SourceAction::End(end)]);
    }

    #[test]
    fn an_aborted_move_whose_slots_were_recovered_elsewhere_is_not_told_as_the_targets() {
        // In the very epoch in which the target would have had them.
        let theirs = holding("c", Incarnation(3), 4, Standing::Stable);
        let end = SourceEnd { dropped: both_of(&theirs), ..SourceEnd::default() };
        let aborted = observed(7, Some(Phase::Aborted), &theirs);
        assert_eq!(sealed().step(SourceEvent::Read(&aborted), START), vec![SourceAction::End(end)]);
    }

    #[test]
    fn old_news_and_unreadable_buckets_open_nothing() {
        let mut source = sealed();
        let old = observed(4, None, &holding("a", A, 3, Standing::Stable));
        assert!(source.step(SourceEvent::Read(&old), START).is_empty(), "before the move was planned");
        let blind = Observation { revision: 9, planned: None, bucket: None };
        assert!(source.step(SourceEvent::Read(&blind), START).is_empty());
        assert!(source.is_sealed());
    }

    #[test]
    fn a_source_that_fails_while_it_serves_goes_on_serving() {
        let mut source = source();
        assert_eq!(source.step(SourceEvent::Failed, START), vec![SourceAction::Abort]);
        assert!(matches!(source.state(), SourceState::GivingUp { is_sealed: false, .. }));
        assert!(source.step(SourceEvent::SealAsked, START).is_empty(), "it is not sealed any more");
    }

    #[test]
    fn only_the_target_of_the_move_is_answered() {
        use super::super::super::hand_over::Ask;
        let question = Question {
            format: FORMAT,
            cluster: "c".into(),
            group: "g".into(),
            mig: "1".into(),
            to: B,
            ask: Ask::Pull(1),
        };
        assert_eq!(source().admits(&question), Ok(()));
        let bad = [
            Question { format: 99, ..question.clone() },
            Question { mig: "2".into(), ..question.clone() },
            Question { group: "h".into(), ..question.clone() },
            Question { to: A, ..question.clone() },
        ];
        for question in bad {
            assert!(source().admits(&question).is_err(), "{question:?}");
        }
    }

    #[test]
    fn nobody_is_source_of_what_it_does_not_hold() {
        let copying = Some(Phase::Copy);
        assert!(Source::start(name(), B, &observed(5, copying, &moving()), START).is_none());
        let theirs = holding("c", B, 3, Standing::Moving { mig: "1".into() });
        assert!(Source::start(name(), A, &observed(5, copying, &theirs), START).is_none());
        assert!(Source::start(name(), A, &observed(5, Some(Phase::Committed), &moving()), START).is_none());
    }
}
