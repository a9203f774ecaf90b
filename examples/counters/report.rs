//! What a load came to: numbers, pauses, violations.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde::Serialize;
use wherever::Slot;

use crate::check::{Called, End};

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub calls: u64,
    pub acknowledged: u64,
    /// By kind, and whether they ran.
    pub failures: BTreeMap<String, u64>,
    /// The longest time in which no worker heard of a success, in milliseconds.
    pub longest_pause_ms: f64,
    /// The longest time in which a slot had callers that waited, and none that succeeded.
    pub longest_slot_pause_ms: f64,
    /// The same of the slots that moved: the pause that one in a hundred of them exceeded.
    pub moved_slot_pause_p99_ms: f64,
    /// The longest call that succeeded, in milliseconds.
    pub longest_call_ms: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// How often a slot went to another node.
    pub slots_moved: u64,
    /// Slots whose state the cluster declared lost.
    pub slots_lost: u64,
    pub violations: Vec<String>,
}

/// When calls were sent and answered.
#[derive(Default)]
pub(crate) struct Times {
    slots: BTreeMap<u16, Vec<Called>>,
    moved: HashSet<u16>,
}

impl Times {
    pub(crate) fn add(&mut self, slot: Slot, has_moved: bool, called: Called) {
        self.slots.entry(slot.get()).or_default().push(called);
        if has_moved {
            self.moved.insert(slot.get());
        }
    }

    pub(crate) fn report(mut self) -> Report {
        let mut pauses = Vec::new();
        let mut moved = Vec::new();
        for (slot, calls) in &mut self.slots {
            calls.sort_by_key(|call| call.answered);
            let pause = longest_pause(calls);
            pauses.push(pause);
            if self.moved.contains(slot) {
                moved.push(pause);
            }
        }
        let succeeded = || self.slots.values().flatten().filter(|call| matches!(call.end, End::Acknowledged(_)));
        let mut moments: Vec<_> = succeeded().map(|call| call.answered).collect();
        moments.sort_unstable();
        let mut took: Vec<_> = succeeded().map(|call| call.answered - call.sent).collect();
        took.sort_unstable();
        moved.sort_unstable();
        Report {
            acknowledged: took.len() as u64,
            longest_pause_ms: ms(moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()),
            longest_slot_pause_ms: ms(pauses.into_iter().max().unwrap_or_default()),
            moved_slot_pause_p99_ms: ms(share(&moved, 99)),
            longest_call_ms: ms(took.last().copied().unwrap_or_default()),
            p50_ms: ms(share(&took, 50)),
            p99_ms: ms(share(&took, 99)),
            ..Report::default()
        }
    }
}

/// The longest time with somebody waiting and nobody hearing of a success. `calls` are in the order of their answers.
fn longest_pause(calls: &[Called]) -> Duration {
    let mut longest = Duration::ZERO;
    let mut waiting: Option<Duration> = None;
    for call in calls {
        let since = waiting.map_or(call.sent, |since| since.min(call.sent));
        longest = longest.max(call.answered - since);
        waiting = if matches!(call.end, End::Acknowledged(_)) { None } else { Some(since) };
    }
    longest
}

fn share(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or_default()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_pauses_from_the_first_failure_to_the_next_success() {
        let call = |sent, answered, end| Called {
            sent: Duration::from_millis(sent),
            answered: Duration::from_millis(answered),
            end,
        };
        let calls = [call(0, 1, End::Acknowledged(1)), call(2, 5, End::Unknown), call(6, 12, End::Acknowledged(2))];
        assert_eq!(longest_pause(&calls), Duration::from_millis(10));
        assert_eq!(longest_pause(&calls[..1]), Duration::from_millis(1));
    }
}
