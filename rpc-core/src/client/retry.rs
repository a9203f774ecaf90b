//! Whether and when a failed call is tried again: one pure state per call, and the only place that retries.

use std::time::Duration;

use crate::error::{Executed, Kind, RpcError};
use crate::limits::CONNECT_TIMEOUT;
use crate::provider::dedup::RESTART_DOUBT;

/// Most redirects that one call follows, as in Redis Cluster's clients: a map that needs more is in motion or broken.
pub const MAX_REDIRECTS: u32 = 5;

/// Most tries that spend the peer's budget: a peer that fails three times in a row is down, and the caller should hear it soon.
pub const MAX_TRIES: u32 = 3;

/// Most looks for the owner of a slot that nobody is known to own: two to three seconds, in which a cluster that has just started assigns
/// its slots.
pub const MAX_LOOKS: u32 = 12;

/// First wait between tries; each further one doubles.
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// Longest wait between tries.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// Longest time after its first sending that a call is asked for again under its id, where it must not run twice. An owner that has
/// restarted meanwhile must still know that it cannot know.
pub const ASK_AGAIN_WITHIN: Duration = Duration::from_secs(20);

const _: () = assert!(ASK_AGAIN_WITHIN.as_secs() + CONNECT_TIMEOUT.as_secs() < RESTART_DOUBT.as_secs());

/// The history of one call's failures.
#[derive(Debug)]
pub struct Retry {
    repeatable: bool,
    may_ask_again: bool,
    can_learn: bool,
    redirects: u32,
    tries: u32,
    looks: u32,
    waits: u32,
}

/// What a redirect told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Nothing newer than the map; or the failure was no redirect.
    Nothing,
    /// The owner, newer than the map.
    News,
    /// An owner that the map does not know yet, and whose address therefore nobody vouches for.
    Stranger,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Give the error to the caller.
    Fail,
    /// Go at once to the owner that the redirect names.
    Follow,
    /// The redirect is no news: ask for the map, wait, try again.
    Refresh(Duration),
    /// Wait, then try again; the state of the cluster will change by itself.
    Wait(Duration),
    /// Spend one retry of the peer's budget, wait, try again; without a budget, fail.
    Spend(Duration),
}

impl Retry {
    /// The history of a call that has not failed yet. `can_learn` says whether the map may change while the call waits: a fixed
    /// cluster's nodes have nothing to learn.
    pub fn new(repeatable: bool, can_learn: bool) -> Self {
        Self { repeatable, may_ask_again: false, can_learn, redirects: 0, tries: 1, looks: 0, waits: 0 }
    }

    /// The history of a call that its owner records: after a lost connection it may be asked for once more, under the same id.
    #[must_use]
    pub fn recorded(mut self, is_recorded: bool) -> Self {
        self.may_ask_again = is_recorded;
        self
    }

    /// The call was first sent too long ago to be asked for again.
    pub fn grow_old(&mut self) {
        self.may_ask_again = false;
    }

    /// How many redirects were followed.
    pub fn redirects(&self) -> u32 {
        self.redirects
    }

    /// What to do after `error`, if it is a redirect that told this; `jitter` is a random fraction from 0 to 1.
    pub fn after(&mut self, error: &RpcError, told: Told, jitter: f64) -> Step {
        match (error.kind(), error.executed()) {
            // A node has joined: that costs no redirect, as there is nowhere to go until a map names it.
            (Kind::Moved, Executed::No) if told == Told::Stranger && self.can_learn => self.look_again(jitter),
            (Kind::Moved, Executed::No) => self.redirected(told == Told::News, jitter),
            (Kind::NoOwner, Executed::No) if self.can_learn => self.look_again(jitter),
            (Kind::WrongEpoch | Kind::Parked | Kind::Recovering | Kind::NoAuthority, Executed::No) => {
                Step::Wait(self.wait(error, jitter))
            }
            (Kind::Unavailable | Kind::Overloaded | Kind::ShuttingDown, Executed::No) => self.spend(error, jitter),
            (Kind::ConnectionLost | Kind::NoAuthority | Kind::Protocol, Executed::Maybe) if self.repeatable => {
                self.spend(error, jitter)
            }
            (Kind::ConnectionLost, Executed::Maybe) if self.may_ask_again => {
                self.may_ask_again = false;
                self.spend(error, jitter)
            }
            (Kind::ConnectionLost, Executed::No) => self.spend(error, jitter),
            _ => Step::Fail,
        }
    }

    fn redirected(&mut self, is_news: bool, jitter: f64) -> Step {
        if self.redirects == MAX_REDIRECTS {
            return Step::Fail;
        }
        self.redirects += 1;
        if is_news { Step::Follow } else { Step::Refresh(self.backoff(jitter)) }
    }

    /// The owner is not known: a newer map may know it.
    fn look_again(&mut self, jitter: f64) -> Step {
        if self.looks == MAX_LOOKS {
            return Step::Fail;
        }
        self.looks += 1;
        Step::Refresh(self.backoff(jitter))
    }

    fn spend(&mut self, error: &RpcError, jitter: f64) -> Step {
        if self.tries == MAX_TRIES {
            return Step::Fail;
        }
        self.tries += 1;
        Step::Spend(self.wait(error, jitter))
    }

    fn wait(&mut self, error: &RpcError, jitter: f64) -> Duration {
        self.backoff(jitter).max(error.retry_after().unwrap_or_default().min(LONGEST_WAIT))
    }

    /// Doubles up to the longest wait; the jitter takes off up to half, so that callers who failed together part ways.
    fn backoff(&mut self, jitter: f64) -> Duration {
        let full = FIRST_WAIT.saturating_mul(1 << self.waits.min(10)).min(LONGEST_WAIT);
        self.waits += 1;
        full.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: Kind) -> RpcError {
        RpcError::new(kind, "x")
    }

    #[test]
    fn a_maybe_is_tried_again_only_where_twice_is_harmless() {
        assert_eq!(Retry::new(false, true).after(&error(Kind::ConnectionLost), Told::Nothing, 0.0), Step::Fail);
        assert_eq!(
            Retry::new(true, true).after(&error(Kind::ConnectionLost), Told::Nothing, 0.0),
            Step::Spend(FIRST_WAIT)
        );
        let unsent = error(Kind::ConnectionLost).with_executed(Executed::No);
        assert_eq!(Retry::new(false, true).after(&unsent, Told::Nothing, 0.0), Step::Spend(FIRST_WAIT));
    }

    #[test]
    fn a_recorded_call_is_asked_for_once_more_unless_it_is_old() {
        let mut retry = Retry::new(false, true).recorded(true);
        assert_eq!(retry.after(&error(Kind::ConnectionLost), Told::Nothing, 0.0), Step::Spend(FIRST_WAIT));
        assert_eq!(retry.after(&error(Kind::ConnectionLost), Told::Nothing, 0.0), Step::Fail);
        let mut old = Retry::new(false, true).recorded(true);
        old.grow_old();
        assert_eq!(old.after(&error(Kind::ConnectionLost), Told::Nothing, 0.0), Step::Fail);
    }

    #[test]
    fn redirects_are_followed_five_times_whatever_they_claim() {
        let followed = |can_learn, told| {
            let mut retry = Retry::new(false, can_learn);
            (0..100).take_while(|_| retry.after(&error(Kind::Moved), told, 0.5) != Step::Fail).count()
        };
        for told in [Told::News, Told::Nothing] {
            assert_eq!(followed(true, told), MAX_REDIRECTS as usize);
        }
        assert_eq!(followed(false, Told::Stranger), MAX_REDIRECTS as usize, "no map will ever name it");
        assert_eq!(followed(true, Told::Stranger), MAX_LOOKS as usize);
    }

    #[test]
    fn an_unreachable_peer_is_tried_three_times_within_a_tenth_of_a_second() {
        let mut retry = Retry::new(false, true);
        let mut waited = Duration::ZERO;
        while let Step::Spend(wait) = retry.after(&error(Kind::Unavailable), Told::Nothing, 0.0) {
            waited += wait;
        }
        assert!(waited < Duration::from_millis(100), "{waited:?}");
    }

    #[test]
    fn what_the_caller_did_wrong_is_never_tried_again() {
        for kind in [
            Kind::BadArguments,
            Kind::UnknownService,
            Kind::Deadline,
            Kind::Panicked,
            Kind::Unauthorised,
            Kind::SlotMismatch,
            Kind::TooDeep,
        ] {
            assert_eq!(Retry::new(true, true).after(&error(kind), Told::Nothing, 0.0), Step::Fail, "{kind}");
        }
    }
}
