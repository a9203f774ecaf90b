//! What the leader means to do and the coordinator refuses, again and again: tried less and less often, and told.
//!
//! A plan that lost a race is made anew from a newer picture, and done. One that is refused although the picture shows everything
//! rests on something that is not as it looks; without a wait it would be sent fifty times a second for ever.

use std::time::Duration;

use rpc_core::cluster::controller::{Action, Intent};

/// Wait after the second refusal; it doubles with each. The first may be a race.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// Longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Refusals of one thing after which the log hears of it, and then at each doubling: about three seconds.
const TOLD_AFTER: u32 = 8;

/// What was refused and is still meant.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    // As many as there are actions in a plan, at most.
    refused: Vec<Refused>,
}

#[derive(Debug)]
struct Refused {
    intent: Intent,
    times: u32,
    again: Duration,
}

impl Refusals {
    /// Forgets what is not meant any more.
    pub(super) fn keep(&mut self, actions: &[Action]) {
        self.refused.retain(|refused| actions.iter().any(|action| action.intent == refused.intent));
    }

    /// Whether this may be tried at `now`.
    pub(super) fn may(&self, intent: &Intent, now: Duration) -> bool {
        self.refused.iter().all(|refused| refused.intent != *intent || refused.again <= now)
    }

    /// What came of it at `now`. Gives how often it was refused, when the log should hear of it.
    pub(super) fn note(&mut self, intent: &Intent, applied: bool, now: Duration) -> Option<u32> {
        let known = self.refused.iter().position(|refused| refused.intent == *intent);
        if applied {
            known.map(|place| self.refused.swap_remove(place));
            return None;
        }
        let place = known.unwrap_or_else(|| {
            self.refused.push(Refused { intent: intent.clone(), times: 0, again: now });
            self.refused.len() - 1
        });
        let refused = &mut self.refused[place];
        refused.times = refused.times.saturating_add(1);
        if let Some(doublings) = refused.times.checked_sub(2) {
            refused.again = now + FIRST_WAIT.saturating_mul(1 << doublings.min(16)).min(LONGEST_WAIT);
        }
        (refused.times >= TOLD_AFTER && refused.times.is_power_of_two()).then_some(refused.times)
    }
}

#[cfg(test)]
mod tests {
    use rpc_core::cluster::records::{Incarnation, Party};
    use rpc_core::coordinator::Txn;

    use super::*;

    #[test]
    fn what_is_refused_again_and_again_waits_longer_and_is_told() {
        let intent = Intent::Fence(Party { node: "a".into(), incarnation: Incarnation(1) });
        let (mut refusals, mut now) = (Refusals::default(), Duration::ZERO);
        assert_eq!(refusals.note(&intent, false, now), None);
        assert!(refusals.may(&intent, now), "it may have been a race");
        let mut told = Vec::new();
        let mut tries = 1;
        while now < Duration::from_secs(60) {
            if refusals.may(&intent, now) {
                told.extend(refusals.note(&intent, false, now));
                tries += 1;
            }
            now += Duration::from_millis(20);
        }
        assert_eq!(told, [8]);
        assert!((8..16).contains(&tries), "{tries}");
        assert!(refusals.may(&Intent::Balanced { group: "g".to_owned() }, now));
        let action = Action { intent: intent.clone(), txn: Txn::default() };
        refusals.keep(&[action]);
        refusals.note(&intent, false, now);
        assert!(!refusals.may(&intent, now));
        refusals.keep(&[]);
        assert!(refusals.may(&intent, now));
    }
}
