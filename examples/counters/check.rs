//! Checks a history of calls: what was acknowledged happened once, and in order.
//!
//! Where the cluster has declared that it lost a slot's state, its keys may have begun anew so many times, and not once more: each
//! time, what was acknowledged falls into generations, one after the other, and each of them is checked.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

/// How a call that changes something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The provider answered this: a counter's value, a list's length.
    Acknowledged(u64),
    /// It failed, and did not run.
    NotExecuted,
    /// It failed, and may have run.
    Unknown,
}

/// A call, with its times since the start of the load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Called {
    pub sent: Duration,
    pub answered: Duration,
    pub end: End,
}

/// All that was done with one counter, and its value afterwards.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub increments: Vec<Called>,
    pub last: u64,
    /// How often it may have begun anew.
    pub losses: usize,
}

/// All that was done with one list, and what it held afterwards. Each item was appended by one call.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// Each writer's items, in the order in which it appended them, one after the other.
    pub writers: BTreeMap<usize, Vec<(String, Called)>>,
    pub last: Vec<String>,
    /// How often it may have begun anew.
    pub losses: usize,
}

/// The acknowledged values of one life of a key.
#[derive(Default)]
struct Generation<'a> {
    calls: Vec<(u64, &'a Called)>,
}

impl<'a> Generation<'a> {
    /// Why `call`, acknowledged after all the others, cannot have belonged to this life.
    fn excludes(&self, value: u64, call: &Called) -> Option<String> {
        if self.calls.iter().any(|(known, _)| *known == value) {
            return Some(format!("{value} was acknowledged twice"));
        }
        let earlier = |(known, before): &&(u64, &'a Called)| before.answered < call.sent && *known > value;
        self.calls
            .iter()
            .find(earlier)
            .map(|(known, _)| format!("{value} was acknowledged to a call that was sent after {known} had been"))
    }

    fn highest(&self) -> u64 {
        self.calls.iter().map(|(value, _)| *value).max().unwrap_or_default()
    }
}

/// The lives of a key, in as few as the acknowledged calls allow; and what more than `losses` of them break.
fn generations<'a>(
    key: &str,
    calls: impl Iterator<Item = &'a Called>,
    losses: usize,
    broken: &mut Vec<String>,
) -> Vec<Generation<'a>> {
    let value = |call: &'a Called| if let End::Acknowledged(value) = call.end { Some((value, call)) } else { None };
    let mut acknowledged: Vec<_> = calls.filter_map(value).collect();
    acknowledged.sort_by_key(|(_, call)| call.answered);
    let mut lives = vec![Generation::default()];
    for (value, call) in acknowledged {
        let Some(why) = lives.last().and_then(|life| life.excludes(value, call)) else {
            lives.last_mut().expect("there is one from the start").calls.push((value, call));
            continue;
        };
        // An old owner's last answers may lie in the network until the new one has answered others.
        let count = lives.len();
        let (_, before) = lives.split_last_mut().expect("there is one from the start");
        let earlier = before.iter_mut().rev().find(|life| life.excludes(value, call).is_none());
        match earlier {
            Some(life) => life.calls.push((value, call)),
            None if count > losses => broken.push(format!("{key}: {why}")),
            None => {
                let life = Generation { calls: vec![(value, call)] };
                // A call sent before anything that is known of the latest life came too late to be of a later one.
                let is_late =
                    lives.last().is_some_and(|last| last.calls.iter().all(|(_, known)| call.sent < known.sent));
                let place = if is_late { lives.len() - 1 } else { lives.len() };
                lives.insert(place, life);
            }
        }
    }
    lives
}

/// What a counter's history breaks.
pub(crate) fn counter(key: &str, history: &Counted) -> Vec<String> {
    let mut broken = Vec::new();
    let lives = generations(key, history.increments.iter(), history.losses, &mut broken);
    let unknown = history.increments.iter().filter(|call| call.end == End::Unknown).count() as u64;
    for life in &lives {
        // Each value below the highest was given by some call: by an acknowledged one, or by one whose reply was lost.
        let seen: BTreeSet<u64> = life.calls.iter().map(|(value, _)| *value).collect();
        let gaps = life.highest() - seen.len() as u64;
        if gaps > unknown {
            broken.push(format!(
                "{key}: {gaps} values are missing among the acknowledged ones, {unknown} calls are unknown"
            ));
        }
    }
    let last = history.last;
    let life = lives.last().map_or_else(Default::default, |life| (life.highest(), life.calls.len() as u64));
    let (highest, acknowledged) = life;
    let is_lost_again = lives.len() <= history.losses && last <= unknown;
    if highest > last && !is_lost_again {
        broken.push(format!("{key}: {highest} was acknowledged, and it stands at {last}"));
    }
    if last > acknowledged + unknown {
        broken.push(format!(
            "{key}: at most {} increments can have run, and it stands at {last}",
            acknowledged + unknown
        ));
    }
    broken
}

/// What a list's history breaks.
pub(crate) fn list(key: &str, history: &Listed) -> Vec<String> {
    let mut broken = Vec::new();
    let mut places: BTreeMap<&str, u64> = BTreeMap::new();
    for (place, item) in (1..).zip(&history.last) {
        if places.insert(item, place).is_some() {
            broken.push(format!("{key}: {item} is in the list twice"));
        }
    }
    let calls = || history.writers.values().flatten();
    let lives = generations(key, calls().map(|(_, call)| call), history.losses, &mut broken);
    let known: HashSet<&str> = calls().map(|(item, _)| item.as_str()).collect();
    for item in history.last.iter().filter(|item| !known.contains(item.as_str())) {
        broken.push(format!("{key}: nobody has appended {item}"));
    }
    let is_of_last_life =
        |call: &Called| lives.last().is_some_and(|life| life.calls.iter().any(|(_, known)| std::ptr::eq(*known, call)));
    let lasting = || calls().filter(|(_, call)| is_of_last_life(call));
    let is_lost_again = lives.len() <= history.losses && lasting().all(|(item, _)| !places.contains_key(item.as_str()));
    for (item, call) in calls() {
        match (call.end, places.get(item.as_str())) {
            (End::Acknowledged(_), None) if is_lost_again || !is_of_last_life(call) => {}
            (End::Acknowledged(_), None) => broken.push(format!("{key}: {item} was acknowledged, and is not there")),
            (End::Acknowledged(length), Some(&place)) if place != length || !is_of_last_life(call) => {
                broken.push(format!("{key}: {item} was acknowledged as number {length}, and is number {place}"));
            }
            (End::NotExecuted, Some(_)) => broken.push(format!("{key}: {item} was not executed, and is there")),
            _ => {}
        }
    }
    for items in history.writers.values() {
        let order: Vec<_> = items.iter().filter_map(|(item, _)| places.get(item.as_str())).collect();
        if !order.is_sorted() {
            broken.push(format!("{key}: the items of one writer are out of order"));
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::End::{Acknowledged, NotExecuted, Unknown};
    use super::*;

    /// Calls that all ran at the same time.
    fn at_once(end: &End) -> Called {
        Called { sent: Duration::ZERO, answered: Duration::from_secs(1), end: *end }
    }

    /// Calls of which each was answered before the next one was sent.
    fn in_turn(ends: &[End]) -> Vec<Called> {
        let times = |(second, end): (u64, &End)| {
            let sent = Duration::from_secs(2 * second);
            Called { sent, answered: sent + Duration::from_secs(1), end: *end }
        };
        (0..).zip(ends).map(times).collect()
    }

    fn counted(increments: &[End], last: u64) -> usize {
        let increments = increments.iter().map(at_once).collect();
        counter("k", &Counted { increments, last, losses: 0 }).len()
    }

    fn counted_in_turn(increments: &[End], last: u64, losses: usize) -> usize {
        counter("k", &Counted { increments: in_turn(increments), last, losses }).len()
    }

    fn listed(writers: &[&[(&str, End)]], last: &[&str]) -> usize {
        let call = |(item, end): &(&str, End)| ((*item).to_owned(), at_once(end));
        let writers = writers.iter().map(|items| items.iter().map(call).collect()).enumerate().collect();
        list("k", &Listed { writers, last: last.iter().map(|item| (*item).to_owned()).collect(), losses: 0 }).len()
    }

    fn listed_in_turn(items: &[(&str, End)], last: &[&str], losses: usize) -> usize {
        let ends: Vec<End> = items.iter().map(|(_, end)| *end).collect();
        let calls = items.iter().map(|(item, _)| (*item).to_owned()).zip(in_turn(&ends)).collect();
        let last = last.iter().map(|item| (*item).to_owned()).collect();
        list("k", &Listed { writers: BTreeMap::from([(0, calls)]), last, losses }).len()
    }

    #[test]
    fn what_may_happen_is_no_violation() {
        assert_eq!(counted(&[], 0), 0);
        assert_eq!(counted(&[Acknowledged(2), Acknowledged(1), NotExecuted], 2), 0);
        for last in [1, 2] {
            assert_eq!(counted(&[Acknowledged(1), Unknown], last), 0);
        }
        assert_eq!(counted(&[Unknown, Acknowledged(2)], 2), 0);
        let appended: &[_] = &[("a", Acknowledged(1)), ("b", NotExecuted), ("c", Unknown)];
        assert_eq!(listed(&[appended, &[("d", Acknowledged(2))]], &["a", "d"]), 0);
        assert_eq!(listed(&[appended, &[("d", Acknowledged(2))]], &["a", "d", "c"]), 0);
    }

    #[test]
    fn each_planted_violation_of_a_counter_is_found() {
        assert_ne!(counted(&[Acknowledged(1), Acknowledged(1)], 1), 0, "doubled");
        assert_ne!(counted(&[Acknowledged(1), Acknowledged(2)], 1), 0, "lost");
        assert_ne!(counted(&[Acknowledged(1)], 2), 0, "run twice");
        assert_ne!(counted(&[Acknowledged(1), NotExecuted], 2), 0, "run though it was said not to");
        assert_ne!(counted(&[Acknowledged(1), Acknowledged(3)], 3), 0, "a value from nowhere");
        assert_ne!(counted_in_turn(&[Acknowledged(2), Acknowledged(1)], 2, 0), 0, "out of order");
    }

    #[test]
    fn each_planted_violation_of_a_list_is_found() {
        assert_ne!(listed(&[&[("a", Acknowledged(1))]], &[]), 0, "lost");
        assert_ne!(listed(&[&[("a", Acknowledged(1))]], &["a", "a"]), 0, "doubled");
        assert_ne!(listed(&[&[("a", NotExecuted)]], &["a"]), 0, "run though it was said not to");
        assert_ne!(listed(&[&[("a", Unknown), ("b", Unknown)]], &["b", "a"]), 0, "out of order");
        assert_ne!(listed(&[&[("a", Acknowledged(1))], &[("b", Acknowledged(2))]], &["b", "a"]), 0, "displaced");
        assert_ne!(listed(&[], &["a"]), 0, "from nowhere");
    }

    #[test]
    fn a_declared_loss_excuses_one_new_beginning_and_no_more() {
        let twice = [Acknowledged(1), Acknowledged(2), Acknowledged(1)];
        assert_eq!(counted_in_turn(&twice, 1, 1), 0);
        assert_ne!(counted_in_turn(&twice, 1, 0), 0, "a loss that nobody declared");
        assert_ne!(counted_in_turn(&[twice.as_slice(), &[Acknowledged(1)]].concat(), 1, 1), 0, "a second loss");
        assert_ne!(counted_in_turn(&twice, 3, 1), 0, "the old life is back");
        assert_eq!(counted_in_turn(&[Acknowledged(1)], 0, 1), 0, "lost, and not called again");
    }

    #[test]
    fn an_old_owners_answer_may_come_after_the_new_ones() {
        let call = |sent, answered| Called {
            sent: Duration::from_secs(sent),
            answered: Duration::from_secs(answered),
            end: Acknowledged(1),
        };
        let calls = vec![("old".to_owned(), call(1, 20)), ("new".to_owned(), call(9, 10))];
        let listed =
            |losses| Listed { writers: BTreeMap::from([(0, calls.clone())]), last: vec!["new".to_owned()], losses };
        assert_eq!(list("k", &listed(1)), Vec::<String>::new());
        assert_ne!(list("k", &listed(0)), Vec::<String>::new(), "a loss that nobody declared");
    }

    #[test]
    fn a_list_may_begin_anew_after_a_declared_loss_only() {
        let items = [("a", Acknowledged(1)), ("b", Acknowledged(1))];
        assert_eq!(listed_in_turn(&items, &["b"], 1), 0);
        assert_ne!(listed_in_turn(&items, &["b"], 0), 0, "a loss that nobody declared");
        assert_ne!(listed_in_turn(&items, &["b", "a"], 1), 0, "the old life is back");
        assert_eq!(listed_in_turn(&items[..1], &[], 1), 0, "lost, and not called again");
    }
}
