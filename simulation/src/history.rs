//! What happened in a simulation, as somebody sees it who sees everything: the ownership trace, the executions, what callers heard.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rpc_core::cluster::records::{self, Bucket, Standing};
use rpc_core::coordinator::Event;
use rpc_core::slot::Slot;
use wherever::{Executed, RpcError};

use crate::TICK;
use crate::ledger::{Listed, Place};

/// Who runs a call, and by what right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Executor {
    pub(crate) slot: Slot,
    pub(crate) epoch: u64,
    pub(crate) node: String,
    pub(crate) start: u64,
}

/// What callers heard of a call.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) key: String,
    pub(crate) began: Duration,
    pub(crate) ended: Duration,
    pub(crate) answer: Answer,
}

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Appended(u64, Place),
    Listed(Listed),
    Failed(Option<u64>, RpcError),
}

/// An execution of an append.
#[derive(Clone, Debug)]
pub(crate) struct Execution {
    pub(crate) place: Place,
    pub(crate) node: String,
}

/// The newest right under which a slot was polled.
struct Newest {
    executor: Executor,
    since: Duration,
}

#[derive(Default)]
pub(crate) struct Told {
    pub(crate) calls: Vec<Heard>,
    pub(crate) executions: BTreeMap<u64, Vec<Execution>>,
    /// The slots whose state was declared lost, by the epoch that began with nothing.
    pub(crate) losses: BTreeSet<(Slot, u64)>,
    pub(crate) violations: Vec<String>,
    pub(crate) polls: u64,
    pub(crate) moves: u64,
    pub(crate) take_overs: u64,
    pub(crate) last_news: Duration,
    newest: BTreeMap<Slot, Newest>,
    trace: Trace,
}

/// A running hash of everything, and the lines of it, if they are wanted.
#[derive(Default)]
struct Trace {
    hash: DefaultHasher,
    is_wanted: bool,
}

/// Shared by all hosts of a simulation.
#[derive(Clone, Default)]
pub(crate) struct History(Arc<Mutex<Told>>);

/// Simulated time.
pub(crate) fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

impl History {
    /// A history that prints what happens, if that is wanted.
    pub(crate) fn new(prints: bool) -> Self {
        let history = Self::default();
        history.told().trace.is_wanted = prints;
        history
    }

    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line of the trace.
    pub(crate) fn note(&self, at: Duration, line: &str) {
        self.told().trace.line(at, line);
    }

    pub(crate) fn violated(&self, why: String) {
        let mut told = self.told();
        told.trace.line(now(), &format!("VIOLATION {why}"));
        told.violations.push(why);
    }

    /// A provider's future is polled.
    pub(crate) fn polled(&self, by: &Executor) {
        let at = now();
        let mut told = self.told();
        told.polls += 1;
        told.trace.mix(&(at, by.slot.get(), by.epoch, &by.node));
        let newest = told.newest.get(&by.slot).map(|newest| (newest.executor.clone(), newest.since));
        let Some((newest, since)) = newest else {
            told.newest.insert(by.slot, Newest { executor: by.clone(), since: at });
            return;
        };
        let slot = by.slot;
        // Hosts run one after the other through the same tick: what is closer than that has no order.
        let is_later = at > since + 2 * TICK;
        let why = if by.epoch < newest.epoch && is_later {
            format!(
                "slot {slot} was polled under epoch {} on {} after epoch {} had begun on {}",
                by.epoch, by.node, newest.epoch, newest.node
            )
        } else if by.epoch == newest.epoch && (&by.node, by.start) != (&newest.node, newest.start) {
            format!("slot {slot} was polled under epoch {} on {} and on {}", by.epoch, by.node, newest.node)
        } else {
            if by.epoch > newest.epoch {
                told.newest.insert(slot, Newest { executor: by.clone(), since: at });
            }
            return;
        };
        drop(told);
        self.violated(format!("I8: {why}"));
    }

    /// An item was appended.
    pub(crate) fn executed(&self, item: u64, key: &str, place: Place, by: Option<&Executor>) {
        let node = by.map_or_else(String::new, |by| by.node.clone());
        let mut told = self.told();
        let line = format!("{node} appends {item} to {key} at {} in epoch {}", place.number, place.epoch);
        told.trace.line(now(), &line);
        told.executions.entry(item).or_default().push(Execution { place, node });
    }

    /// A caller heard what became of its call.
    pub(crate) fn heard(&self, heard: Heard) {
        let line = match &heard.answer {
            Answer::Appended(item, place) => format!("append {item} to {} is at {}", heard.key, place.number),
            Answer::Listed(listed) => format!("list {} has {} items", heard.key, listed.items.len()),
            Answer::Failed(item, error) => {
                let executed = match error.executed() {
                    Executed::No => "no",
                    Executed::Maybe => "maybe",
                    _ => "yes",
                };
                format!(
                    "call {item:?} of {} failed, executed {executed}: {:?} {}",
                    heard.key,
                    error.kind(),
                    error.message()
                )
            }
        };
        let mut told = self.told();
        told.trace.line(heard.ended, &line);
        told.calls.push(heard);
    }

    /// The coordinator wrote something.
    pub(crate) fn written(&self, events: &[Event]) {
        let at = now();
        let mut told = self.told();
        for event in events {
            let (key, value) = match event {
                Event::Put(entry) => (&entry.key, Some(&entry.value)),
                Event::Deleted { key, .. } => (key, None),
            };
            if key.starts_with(records::BEATS) {
                continue;
            }
            told.last_news = at;
            let text = value.map_or_else(|| "-".into(), |value| String::from_utf8_lossy(value));
            let short: String = text.chars().take(3000).collect();
            told.trace.line(at, &format!("coordinator {key} = {short}"));
            let Some(value) = value else { continue };
            if key.starts_with(records::MAPS)
                && let Ok(bucket) = records::read::<Bucket>(value)
            {
                told.mapped(&bucket);
            }
            if key.starts_with(records::MOVES) && text.contains("\"active\"") {
                told.moves += 1;
            }
        }
    }
}

impl Told {
    fn mapped(&mut self, bucket: &Bucket) {
        for (slot, holding) in bucket.slots() {
            if let Standing::Recovering { lost: Some(_), kept: None } = holding.state
                && self.losses.insert((slot, holding.epoch))
            {
                self.take_overs += 1;
            }
        }
    }

    /// How many times the state of `slot` was lost up to `epoch`: what was written before and after has nothing in common.
    pub(crate) fn generation(&self, slot: Slot, epoch: u64) -> usize {
        self.losses.range((slot, 0)..=(slot, epoch)).count()
    }

    /// The hash of the trace.
    pub(crate) fn hash(&self) -> u64 {
        self.trace.hash.finish()
    }
}

impl Trace {
    fn line(&mut self, at: Duration, line: &str) {
        self.mix(&(at, line));
        if self.is_wanted {
            let mut text = String::new();
            // Writing to a string does not fail.
            let _always = write!(text, "{:>9.3} {line}", at.as_secs_f64());
            println!("{text}");
        }
    }

    fn mix(&mut self, what: &impl Hash) {
        what.hash(&mut self.hash);
    }
}
