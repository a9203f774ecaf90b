//! The target of a move: it copies, verifies, commits, and serves only what it has read to be its own.

use std::time::Duration;

use super::super::hand_over::{Ask, Head, Total};
use super::super::records::{Incarnation, Party};
use super::{ABORT_AGAIN, MOVE, MoveName, NEAR, Observation, Verdict};
use crate::coordinator::Revision;
use crate::slot::Slot;

/// The target's side of one move.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    name: MoveName,
    me: Incarnation,
    from: Party,
    /// The slots, with the epochs in which this node will serve them.
    slots: Vec<(Slot, u64)>,
    state: TargetState,
    /// The copy is whole: everything was staged, sealed, and the totals agree.
    is_verified: bool,
    until: Duration,
    seen: Revision,
}

/// How far the target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetState {
    /// It waits for the answer with this number, from a source that serves.
    Pulling(u64),
    /// It waits for the answer with this number, from a source that seals or has sealed.
    Sealing(u64),
    /// Its copy is whole, and it wants the commit.
    Committing,
    /// It owns the slots and wants the record to say that it serves.
    Activating,
    /// It wants the move aborted. What was staged stays until it has read what came of that.
    GivingUp {
        /// When it asks again.
        again: Duration,
    },
    /// It is over.
    Ended,
}

/// What happens to a target.
#[derive(Clone, Copy, Debug)]
pub enum TargetEvent<'a> {
    /// An answer arrived and its pieces were staged. `totals` says whether what is staged agrees with the answer's totals, see
    /// [`totals_hold`]; `None` if the answer had none.
    Answered {
        /// What it says.
        head: &'a Head,
        /// Whether the totals hold.
        totals: Option<bool>,
    },
    /// No answer came in time: ask again, nothing is applied twice.
    Unanswered,
    /// It cannot go on: an answer that cannot be read, a full disk, a refusal.
    Failed,
    /// Something was read.
    Read(&'a Observation),
    /// Time has passed.
    Tick,
}

/// What a target wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetAction {
    /// Ask the source.
    Ask(Ask),
    /// Commit: read, run [`commit`](super::commit), read, and tell what was read, whatever the outcome was.
    Commit,
    /// Say that this node serves: run [`activate`](super::activate), read, and tell what was read.
    Activate,
    /// Abort the move: read, run [`abort`](super::abort), read, and tell what was read.
    Abort,
    /// The move is over, and the slots are this node's in these epochs: open them with what was staged.
    Open(Vec<(Slot, u64)>),
    /// The move is over, and the slots are not this node's: throw away what was staged.
    Discard(Vec<Slot>),
}

impl Target {
    /// The target of a move that the mirror shows in Copy at `now`, and its first question. `None` if the move is over, or another is
    /// its target, or one of its slots is not held by its source.
    pub fn start(
        name: MoveName,
        me: Incarnation,
        seen: &Observation,
        now: Duration,
    ) -> Option<(Self, Vec<TargetAction>)> {
        let planned = seen.planned.as_ref().filter(|planned| planned.record.to.incarnation == me)?;
        if seen.verdict() != Verdict::Copy {
            return None;
        }
        let (from, bucket) = (planned.record.from.clone(), seen.bucket.as_ref()?);
        let slots = planned.record.slots.iter().map(|slot| {
            let holding = bucket.record.holding(*slot).filter(|holding| holding.incarnation == from.incarnation)?;
            Some((*slot, holding.epoch + 1))
        });
        let slots = slots.collect::<Option<Vec<_>>>()?;
        let state = TargetState::Pulling(1);
        let target = Self { name, me, from, slots, state, is_verified: false, until: now + MOVE, seen: seen.revision };
        Some((target, vec![TargetAction::Ask(Ask::Pull(1))]))
    }

    /// Which move.
    pub fn name(&self) -> &MoveName {
        &self.name
    }

    /// Whose the slots are.
    pub fn from(&self) -> &Party {
        &self.from
    }

    /// The slots, with the epochs in which this node will serve them.
    pub fn slots(&self) -> &[(Slot, u64)] {
        &self.slots
    }

    /// How far it is.
    pub fn state(&self) -> TargetState {
        self.state
    }

    /// When to send a [`Tick`](TargetEvent::Tick) at the latest.
    pub fn next_tick(&self) -> Option<Duration> {
        match self.state {
            TargetState::Pulling(_) | TargetState::Sealing(_) | TargetState::Committing => Some(self.until),
            TargetState::GivingUp { again } => Some(again),
            TargetState::Activating | TargetState::Ended => None,
        }
    }

    /// What follows from `event` at `now`.
    pub fn step(&mut self, event: TargetEvent<'_>, now: Duration) -> Vec<TargetAction> {
        match event {
            TargetEvent::Answered { head, totals } => self.answered(head, totals, now),
            TargetEvent::Unanswered => match self.state {
                TargetState::Pulling(_) | TargetState::Sealing(_) if self.until <= now => self.give_up(now),
                TargetState::Pulling(number) => vec![TargetAction::Ask(Ask::Pull(number))],
                TargetState::Sealing(number) => vec![TargetAction::Ask(Ask::Seal(number))],
                _ => Vec::new(),
            },
            TargetEvent::Failed => self.give_up(now),
            TargetEvent::Read(seen) => self.read(seen, now),
            TargetEvent::Tick => match self.next_tick() {
                Some(moment) if moment <= now => self.give_up(now),
                _ => Vec::new(),
            },
        }
    }

    fn answered(&mut self, head: &Head, totals: Option<bool>, now: Duration) -> Vec<TargetAction> {
        let (number, is_sealing) = match self.state {
            TargetState::Pulling(number) => (number, false),
            TargetState::Sealing(number) => (number, true),
            // A late answer to a question that is settled.
            _ => return Vec::new(),
        };
        if head.number < number {
            return Vec::new();
        }
        // A source that counts differently, or goes on serving after it was asked to seal, is not to be believed.
        if head.number > number || (is_sealing && !head.is_sealed) || self.until <= now {
            return self.give_up(now);
        }
        let next = number + 1;
        match totals {
            Some(true) if is_sealing => {
                self.is_verified = true;
                self.state = TargetState::Committing;
                vec![TargetAction::Commit]
            }
            Some(_) => self.give_up(now),
            None if is_sealing || head.pending <= NEAR => {
                self.state = TargetState::Sealing(next);
                vec![TargetAction::Ask(Ask::Seal(next))]
            }
            None => {
                self.state = TargetState::Pulling(next);
                vec![TargetAction::Ask(Ask::Pull(next))]
            }
        }
    }

    /// Asks for the abort. What is staged stays: a commit of ours whose outcome is unknown may still be applied.
    fn give_up(&mut self, now: Duration) -> Vec<TargetAction> {
        match self.state {
            TargetState::Activating | TargetState::Ended => Vec::new(),
            _ => {
                self.state = TargetState::GivingUp { again: now + ABORT_AGAIN };
                vec![TargetAction::Abort]
            }
        }
    }

    fn read(&mut self, seen: &Observation, now: Duration) -> Vec<TargetAction> {
        if seen.revision < self.seen || self.state == TargetState::Ended {
            return Vec::new();
        }
        self.seen = seen.revision;
        match seen.verdict() {
            Verdict::Copy => match self.state {
                TargetState::Committing if now < self.until => vec![TargetAction::Commit],
                TargetState::Committing | TargetState::GivingUp { .. } => self.give_up(now),
                _ => Vec::new(),
            },
            Verdict::Committed if self.is_verified => {
                self.state = TargetState::Activating;
                vec![TargetAction::Activate]
            }
            // Without the bucket nothing is known of the slots: wait for one that can be read.
            Verdict::Active | Verdict::Gone if seen.bucket.is_none() => Vec::new(),
            Verdict::Active | Verdict::Gone if self.is_verified => self.end(seen),
            // Committed without a whole copy: nobody does that but a hand in the coordinator. Nothing here may be served.
            Verdict::Committed | Verdict::Active | Verdict::Gone | Verdict::Aborted => {
                self.state = TargetState::Ended;
                vec![TargetAction::Discard(self.slots.iter().map(|(slot, _)| *slot).collect())]
            }
        }
    }

    /// The move is Active, or its record is gone: what the bucket gives to this node in the very epoch of the commit is its own. A
    /// failover that gave slots back would have changed their epoch in the step in which it removed the record. One that gave them
    /// to this node, instead of the commit, chose that very epoch too, but left them Recovering: they are another story, in which
    /// what was staged has no part.
    fn end(&mut self, seen: &Observation) -> Vec<TargetAction> {
        self.state = TargetState::Ended;
        let (own, others): (Vec<_>, Vec<_>) =
            self.slots.iter().partition(|(slot, epoch)| seen.is_served(*slot, self.me, *epoch));
        let mut actions = Vec::new();
        if !own.is_empty() {
            actions.push(TargetAction::Open(own));
        }
        if !others.is_empty() {
            actions.push(TargetAction::Discard(others.into_iter().map(|(slot, _)| slot).collect()));
        }
        actions
    }
}

/// Whether what was staged agrees with the totals of a sealed source: each of the node's `states` and each of `slots` must be named
/// exactly once, with as many entries as `staged` counts.
///
/// # Errors
/// What disagrees, as a sentence.
pub fn totals_hold(
    totals: &[Total],
    states: &[&str],
    slots: &[(Slot, u64)],
    staged: impl Fn(&str, Slot) -> u64,
) -> Result<(), String> {
    if totals.len() != states.len() * slots.len() {
        return Err(format!("{} totals were given for {} states of {} slots", totals.len(), states.len(), slots.len()));
    }
    for state in states {
        for (slot, _) in slots {
            let mut named = totals.iter().filter(|total| total.state == *state && total.slot == *slot);
            let (Some(total), None) = (named.next(), named.next()) else {
                return Err(format!("slot {slot} of {state:?} does not have exactly one total"));
            };
            let here = staged(state, *slot);
            if total.entries != here {
                return Err(format!("slot {slot} of {state:?} has {} entries, and {here} arrived", total.entries));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::records::{Holding, Phase, Standing};
    use super::super::fixtures::{A, B, holding, moving, name, observed, slot};
    use super::*;

    const START: Duration = Duration::from_secs(100);

    fn target() -> Target {
        let (target, first) =
            Target::start(name(), B, &observed(5, Some(Phase::Copy), &moving()), START).expect("a target");
        assert_eq!(first, vec![TargetAction::Ask(Ask::Pull(1))]);
        target
    }

    fn head(number: u64, pending: u64, is_sealed: bool) -> Head {
        Head { number, pieces: vec![], pending, is_sealed, totals: None }
    }

    fn answer(target: &mut Target, head: &Head, totals: Option<bool>) -> Vec<TargetAction> {
        target.step(TargetEvent::Answered { head, totals }, START)
    }

    fn committing() -> Target {
        let mut target = target();
        let _seal = answer(&mut target, &head(1, 0, false), None);
        assert_eq!(answer(&mut target, &head(2, 0, true), Some(true)), vec![TargetAction::Commit]);
        target
    }

    fn read(target: &mut Target, revision: Revision, phase: Option<Phase>, of_slots: &Holding) -> Vec<TargetAction> {
        target.step(TargetEvent::Read(&observed(revision, phase, of_slots)), START)
    }

    fn ours() -> Holding {
        holding("b", B, 4, Standing::Stable)
    }

    fn opened() -> Vec<TargetAction> {
        vec![TargetAction::Open(vec![(slot(1), 4), (slot(2), 4)])]
    }

    fn discarded() -> Vec<TargetAction> {
        vec![TargetAction::Discard(vec![slot(1), slot(2)])]
    }

    #[test]
    fn it_pulls_until_little_is_left_then_asks_for_the_seal() {
        let mut target = target();
        let next = answer(&mut target, &head(1, NEAR + 1, false), None);
        assert_eq!(next, vec![TargetAction::Ask(Ask::Pull(2))]);
        assert_eq!(target.step(TargetEvent::Unanswered, START), vec![TargetAction::Ask(Ask::Pull(2))]);
        let next = answer(&mut target, &head(2, NEAR, false), None);
        assert_eq!(next, vec![TargetAction::Ask(Ask::Seal(3))]);
        assert!(answer(&mut target, &head(2, 0, false), None).is_empty(), "an answer that came twice");
        let next = answer(&mut target, &head(3, 1, true), None);
        assert_eq!(next, vec![TargetAction::Ask(Ask::Seal(4))]);
        assert_eq!(answer(&mut target, &head(4, 0, true), Some(true)), vec![TargetAction::Commit]);
    }

    #[test]
    fn it_serves_only_after_the_move_is_active() {
        let mut target = committing();
        assert_eq!(read(&mut target, 6, Some(Phase::Committed), &ours()), vec![TargetAction::Activate]);
        assert_eq!(read(&mut target, 7, Some(Phase::Committed), &ours()), vec![TargetAction::Activate]);
        assert_eq!(read(&mut target, 8, Some(Phase::Active), &ours()), opened());
        assert!(read(&mut target, 9, None, &ours()).is_empty(), "once");
    }

    #[test]
    fn a_commit_that_lost_a_race_for_the_bucket_is_tried_again() {
        let mut target = committing();
        assert_eq!(read(&mut target, 6, Some(Phase::Copy), &moving()), vec![TargetAction::Commit]);
        let late = observed(7, Some(Phase::Copy), &moving());
        assert_eq!(target.step(TargetEvent::Read(&late), START + MOVE), vec![TargetAction::Abort]);
    }

    #[test]
    fn a_target_that_gives_up_keeps_its_copy_until_it_has_read_the_end() {
        let mut target = committing();
        assert_eq!(target.step(TargetEvent::Tick, START + MOVE), vec![TargetAction::Abort]);
        // The commit whose outcome was unknown was applied after all.
        assert_eq!(read(&mut target, 6, Some(Phase::Committed), &ours()), vec![TargetAction::Activate]);

        let mut target = committing();
        let _abort = target.step(TargetEvent::Failed, START);
        assert_eq!(read(&mut target, 6, Some(Phase::Aborted), &holding("a", A, 3, Standing::Stable)), discarded());
    }

    #[test]
    fn a_record_that_is_gone_leaves_the_bucket_to_say_how_it_ended() {
        assert_eq!(read(&mut committing(), 9, None, &ours()), opened());
        let back = holding("a", A, 5, Standing::Recovering { lost: None, kept: Some(3) });
        assert_eq!(read(&mut committing(), 9, None, &back), discarded());
        let later = holding("b", B, 6, Standing::Stable);
        assert_eq!(read(&mut committing(), 9, None, &later), discarded(), "another epoch is another story");
        let given = holding("b", B, 4, Standing::Recovering { lost: Some("a".into()), kept: None });
        assert_eq!(read(&mut committing(), 9, None, &given), discarded(), "and so is a failover to this node");
    }

    #[test]
    fn a_copy_that_is_not_whole_is_never_served() {
        for phase in [Some(Phase::Committed), Some(Phase::Active), None] {
            assert_eq!(read(&mut target(), 9, phase, &ours()), discarded());
        }
    }

    #[test]
    fn a_source_that_breaks_the_conversation_ends_the_move() {
        assert_eq!(answer(&mut target(), &head(2, 0, false), None), vec![TargetAction::Abort], "a skipped answer");
        assert_eq!(answer(&mut target(), &head(1, 0, false), Some(true)), vec![TargetAction::Abort], "totals unsealed");
        let mut sealing = target();
        let _seal = answer(&mut sealing, &head(1, 0, false), None);
        assert_eq!(answer(&mut sealing.clone(), &head(2, 0, false), None), vec![TargetAction::Abort], "no seal");
        assert_eq!(answer(&mut sealing, &head(2, 0, true), Some(false)), vec![TargetAction::Abort], "bad totals");
        assert_eq!(target().step(TargetEvent::Unanswered, START + MOVE), vec![TargetAction::Abort], "no answer");
    }

    #[test]
    fn totals_must_name_each_slot_of_each_state_once() {
        let total = |slot_number, entries| Total { state: "s".into(), slot: slot(slot_number), entries };
        let slots = [(slot(1), 4), (slot(2), 4)];
        let hold = |totals: &[Total]| totals_hold(totals, &["s"], &slots, |_, _| 7);
        assert_eq!(hold(&[total(1, 7), total(2, 7)]), Ok(()));
        for bad in [vec![total(1, 7)], vec![total(1, 7), total(1, 7)], vec![total(1, 7), total(2, 8)], vec![]] {
            assert!(hold(&bad).is_err(), "{bad:?}");
        }
    }
}
