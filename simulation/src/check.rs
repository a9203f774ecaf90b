//! What must be true of a history in which any number of things went wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use rpc_core::slot::Slot;
use wherever::Executed;

use crate::history::{Answer, Told};
use crate::ledger::Listed;

/// Time beyond its deadline in which a call must have ended.
const GRACE: Duration = Duration::from_secs(1);

/// Everything that is wrong with what was told. `last` is how each list stood at the end, and `deadline` that of every call.
pub(crate) fn check(told: &Told, last: &BTreeMap<String, Listed>, deadline: Duration) -> Vec<String> {
    let mut wrong = Vec::new();
    executed_once(told, &mut wrong);
    answers_are_true(told, deadline, &mut wrong);
    nothing_is_lost(told, last, &mut wrong);
    answers_are_in_order(told, &mut wrong);
    wrong
}

fn slot_of(key: &str) -> Slot {
    Slot::of_text(key.as_bytes())
}

fn executed_once(told: &Told, wrong: &mut Vec<String>) {
    for (item, executions) in &told.executions {
        if executions.len() > 1 {
            let nodes: Vec<_> = executions.iter().map(|execution| (&*execution.node, execution.place.epoch)).collect();
            wrong.push(format!("item {item} was appended {} times: {nodes:?}", executions.len()));
        }
    }
}

fn answers_are_true(told: &Told, deadline: Duration, wrong: &mut Vec<String>) {
    for heard in &told.calls {
        let took = heard.ended.saturating_sub(heard.began);
        if took > deadline + GRACE {
            wrong.push(format!("a call of {} took {took:?}, with a deadline of {deadline:?}", heard.key));
        }
        match &heard.answer {
            Answer::Failed(Some(item), error)
                if error.executed() == Executed::No && told.executions.contains_key(item) =>
            {
                wrong.push(format!("item {item} was said not to be executed, and was: {error}"));
            }
            Answer::Appended(item, place) => {
                let is_true = |executions: &Vec<_>| {
                    executions.iter().any(|execution: &crate::history::Execution| {
                        execution.place.number == place.number && execution.place.epoch == place.epoch
                    })
                };
                if !told.executions.get(item).is_some_and(is_true) {
                    wrong.push(format!("item {item} was said to be at {}, and nobody put it there", place.number));
                }
            }
            _ => {}
        }
    }
}

fn nothing_is_lost(told: &Told, last: &BTreeMap<String, Listed>, wrong: &mut Vec<String>) {
    for heard in &told.calls {
        let (Answer::Appended(item, place), Some(listed)) = (&heard.answer, last.get(&heard.key)) else { continue };
        let slot = slot_of(&heard.key);
        if told.generation(slot, place.epoch) != told.generation(slot, listed.epoch) {
            // Lost, and declared so.
            continue;
        }
        if listed.items.get(place.number as usize - 1) != Some(item) {
            wrong.push(format!(
                "item {item} of {} was acknowledged at {} in epoch {}, and is not there in epoch {}",
                heard.key, place.number, place.epoch, listed.epoch
            ));
        }
    }
    for (key, listed) in last {
        let mut seen = listed.items.clone();
        seen.sort_unstable();
        seen.dedup();
        if seen.len() != listed.items.len() {
            wrong.push(format!("{key} has an item twice"));
        }
    }
}

/// What a call began after must be visible to it.
fn answers_are_in_order(told: &Told, wrong: &mut Vec<String>) {
    // By key and generation: when an answer told of so many items.
    let mut known: BTreeMap<(&str, usize), Vec<(Duration, u64)>> = BTreeMap::new();
    let mut by_end: Vec<_> = told.calls.iter().collect();
    by_end.sort_by_key(|heard| heard.ended);
    for heard in by_end {
        let (length, epoch) = match &heard.answer {
            Answer::Appended(_, place) => (place.number, place.epoch),
            Answer::Listed(listed) => (listed.items.len() as u64, listed.epoch),
            Answer::Failed(..) => continue,
        };
        let is_append = matches!(heard.answer, Answer::Appended(..));
        let before = known.entry((&heard.key, told.generation(slot_of(&heard.key), epoch))).or_default();
        let floor = before.iter().filter(|(ended, _)| *ended < heard.began).map(|(_, length)| *length).max();
        if let Some(floor) = floor
            && (length < floor || (is_append && length == floor))
        {
            wrong.push(format!(
                "a call of {} that began at {:?} was told of {length} items, another one of {floor} before",
                heard.key, heard.began
            ));
        }
        before.push((heard.ended, length));
    }
}
