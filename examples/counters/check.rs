//! Checks a history of calls: what was acknowledged happened once, and in order.
//!
//! Where the cluster has declared that it lost a slot's state, its keys may have begun anew so many times, and not once more. Answers
//! do not tell which life of a key they are of, and an old owner's last ones may lie in the network until the new one has answered
//! others. So nothing is guessed: only what no assignment of answers to lives could explain is called broken.

use std::collections::{BTreeMap, HashSet};
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

/// A call that was acknowledged, with its value.
type Acknowledged<'a> = (u64, &'a Called);

/// The acknowledged calls, in the order in which they were sent.
fn acknowledged<'a>(calls: impl Iterator<Item = &'a Called>) -> Vec<Acknowledged<'a>> {
    let value = |call: &'a Called| if let End::Acknowledged(value) = call.end { Some((value, call)) } else { None };
    let mut acknowledged: Vec<_> = calls.filter_map(value).collect();
    acknowledged.sort_by_key(|(_, call)| call.sent);
    acknowledged
}

/// How often a key must have begun anew, as far as its acknowledged calls prove it.
#[derive(Default)]
struct Drops {
    /// So often.
    count: usize,
    /// The last time came after a call that was sent then; later ones may have come before it.
    after: Duration,
}

/// Values never fall from one call to another that was sent after the first was answered, unless the key began anew between them.
/// `last` is what was read when all calls were over.
fn drops(acknowledged: &[Acknowledged<'_>], last: Option<u64>) -> Drops {
    let mut by_answer: Vec<usize> = (0..acknowledged.len()).collect();
    by_answer.sort_by_key(|place| acknowledged[*place].1.answered);
    let mut answered = by_answer.into_iter().peekable();
    // Per call the longest chain of falls that ends in it, and when that call was sent.
    let mut falls: Vec<(usize, Duration)> = Vec::with_capacity(acknowledged.len());
    // Of the calls answered so far: by value, the longest chain, if no higher value has one as long.
    let mut chains: BTreeMap<u64, (usize, Duration)> = BTreeMap::new();
    let mut most = Drops::default();
    let mut saw = |(count, after): (usize, Duration)| {
        if (count + 1, after) > (most.count, most.after) {
            most = Drops { count: count + 1, after };
        }
    };
    for (value, call) in acknowledged {
        while let Some(place) = answered.next_if(|place| acknowledged[*place].1.answered < call.sent) {
            // Answered before this one was sent, so sent before it too, and in `falls`.
            let (value, chain) = (acknowledged[place].0, falls[place]);
            if chains.range(value..).next().is_none_or(|(_, higher)| *higher < chain) {
                while let Some((&lower, _)) = chains.range(..=value).next_back().filter(|(_, known)| **known <= chain) {
                    chains.remove(&lower);
                }
                chains.insert(value, chain);
            }
        }
        let chain = chains.range(value..).next().map(|(_, chain)| *chain);
        if let Some(chain) = chain {
            saw(chain);
        }
        falls.push((chain.map_or(0, |(count, _)| count + 1), call.sent));
    }
    for ((value, _), chain) in acknowledged.iter().zip(&falls) {
        if last.is_some_and(|last| *value > last) {
            saw(*chain);
        }
    }
    most
}

/// What the values that were given break, whatever is to be found afterwards.
fn values(key: &str, acknowledged: &[Acknowledged<'_>], unknown: &[Duration], losses: usize, broken: &mut Vec<String>) {
    let mut given: BTreeMap<u64, usize> = BTreeMap::new();
    for (value, call) in acknowledged {
        *given.entry(*value).or_default() += 1;
        // Each value up to this one was given to a call that had been sent by then.
        let sent = acknowledged.partition_point(|(_, other)| other.sent <= call.answered)
            + unknown.partition_point(|sent| *sent <= call.answered);
        if *value > sent as u64 {
            broken.push(format!("{key}: {value} was acknowledged when {sent} calls at most can have run"));
        }
    }
    for (value, times) in &given {
        if *times > losses + 1 {
            broken.push(format!("{key}: {value} was acknowledged {times} times, with {losses} losses declared"));
        }
    }
    if losses == 0 {
        // Each value below the highest was given by some call: by an acknowledged one, or by one whose reply was lost.
        let gaps = given.last_key_value().map_or(0, |(highest, _)| *highest).saturating_sub(given.len() as u64);
        if gaps > unknown.len() as u64 {
            let unknown = unknown.len();
            broken.push(format!(
                "{key}: {gaps} values are missing among the acknowledged ones, {unknown} calls are unknown"
            ));
        }
    }
}

/// When the calls were sent of which nobody knows whether they ran, in order.
fn unknown<'a>(calls: impl Iterator<Item = &'a Called>) -> Vec<Duration> {
    let mut sent: Vec<_> = calls.filter(|call| call.end == End::Unknown).map(|call| call.sent).collect();
    sent.sort();
    sent
}

/// What a counter's history breaks.
pub(crate) fn counter(key: &str, history: &Counted) -> Vec<String> {
    let mut broken = Vec::new();
    let (last, losses) = (history.last, history.losses);
    let acknowledged = acknowledged(history.increments.iter());
    let unknown = unknown(history.increments.iter());
    values(key, &acknowledged, &unknown, losses, &mut broken);
    let drops = drops(&acknowledged, Some(last));
    if drops.count > losses {
        let highest = acknowledged.iter().map(|(value, _)| *value).max().unwrap_or_default();
        broken.push(format!(
            "{key}: it fell {} times, with {losses} losses declared; {highest} was acknowledged, and it stands at {last}",
            drops.count
        ));
    }
    // If every loss is accounted for, what was answered before the last one is not in what stands there now.
    let is_counted = |(_, call): &&Acknowledged<'_>| drops.count < losses || call.answered >= drops.after;
    // The call whose value fell came before that loss, too.
    let fell = usize::from(drops.count == losses && losses > 0);
    let most = acknowledged.iter().filter(is_counted).count() - fell + unknown.len();
    if last > most as u64 {
        broken.push(format!("{key}: at most {most} increments can have run, and it stands at {last}"));
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
    let acknowledged = acknowledged(calls().map(|(_, call)| call));
    let unknown = unknown(calls().map(|(_, call)| call));
    values(key, &acknowledged, &unknown, history.losses, &mut broken);
    let drops = drops(&acknowledged, None);
    if drops.count > history.losses {
        let (count, losses) = (drops.count, history.losses);
        broken.push(format!("{key}: it was shortened {count} times, with {losses} losses declared"));
    }
    let known: HashSet<&str> = calls().map(|(item, _)| item.as_str()).collect();
    for item in history.last.iter().filter(|item| !known.contains(item.as_str())) {
        broken.push(format!("{key}: nobody has appended {item}"));
    }
    // An item that is there was appended after the last loss, and so was everything that was sent once that had been answered.
    let lasting = calls().filter(|(item, _)| places.contains_key(item.as_str())).map(|(_, call)| call.answered).min();
    for (item, call) in calls() {
        match (call.end, places.get(item.as_str())) {
            (End::Acknowledged(_), None)
                if history.losses == 0 || lasting.is_some_and(|answered| answered < call.sent) =>
            {
                broken.push(format!("{key}: {item} was acknowledged, and is not there"));
            }
            (End::Acknowledged(length), Some(&place)) if place != length => {
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
    fn a_late_answer_of_the_old_life_puts_nothing_of_the_new_one_in_doubt() {
        // The new life's first append is known to nobody, so that its second looks like one of the old life, until the old owner's
        // own second is read at last.
        let called = |sent, answered, end| Called {
            sent: Duration::from_secs(sent),
            answered: Duration::from_secs(answered),
            end,
        };
        let calls = [
            ("old", called(0, 1, Acknowledged(1))),
            ("late", called(2, 20, Acknowledged(2))),
            ("unknown", called(3, 9, Unknown)),
            ("second", called(10, 11, Acknowledged(2))),
            ("third", called(12, 13, Acknowledged(3))),
        ];
        let counted = Counted { increments: calls.iter().map(|(_, call)| *call).collect(), last: 3, losses: 1 };
        assert_eq!(counter("k", &counted), Vec::<String>::new());
        let writers = calls.iter().map(|(item, call)| vec![((*item).to_owned(), *call)]).enumerate().collect();
        let last = ["unknown", "second", "third"].map(str::to_owned).to_vec();
        assert_eq!(list("k", &Listed { writers, last, losses: 1 }), Vec::<String>::new());
    }

    #[test]
    fn what_was_acknowledged_after_the_last_loss_is_there() {
        let items = [("a", Acknowledged(1)), ("b", Acknowledged(1)), ("c", Acknowledged(2))];
        assert_eq!(listed_in_turn(&items, &["b", "c"], 1), 0);
        assert_ne!(listed_in_turn(&items, &["b"], 1), 0, "c was sent when b was there");
        assert_eq!(listed_in_turn(&items, &["b"], 2), 1, "and no other loss can have taken c and left b");
    }

    #[test]
    fn values_that_fall_oftener_than_losses_were_declared_are_found() {
        let ends =
            [Acknowledged(1), Acknowledged(2), Acknowledged(3), Acknowledged(1), Acknowledged(2), Acknowledged(1)];
        assert_eq!(counted_in_turn(&ends, 1, 2), 0);
        assert_ne!(counted_in_turn(&ends, 1, 1), 0);
        assert_ne!(counted_in_turn(&ends, 2, 2), 0, "an increment from nowhere");
        assert_ne!(counted_in_turn(&ends, 0, 2), 0, "a third fall");
        assert_ne!(counted_in_turn(&[Acknowledged(5)], 5, 3), 0, "more than were ever called for");
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
