//! The embedded coordinator's keys, leases and past changes: pure, so that a model, a test and a disk can stand around it.
//!
//! What is to be done is first planned as a [`Step`], and changes nothing until that step is applied: in between it can be written to a
//! disk. Steps are planned and applied one after another.

mod history;
mod leases;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use self::history::History;
use self::leases::Leases;
use super::bounds::{self, MAX_BYTES, MAX_KEYS, MAX_LEASES};
use super::{Changes, Compare, CoordinatorError, Entry, Event, LeaseId, Op, Range, Revision, Txn, TxnOutcome};

/// What is asked of the store, of all that changes it for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// A transaction.
    Transact(Txn),
    /// A lease of this time to live.
    Grant(Duration),
    /// The end of a lease.
    Revoke(LeaseId),
    /// The end of every lease whose time is over.
    Expire,
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// To a transaction.
    Transact(TxnOutcome),
    /// To a grant.
    Grant(LeaseId),
    /// To a revocation or an expiry.
    Ended,
}

/// One change of the store, as a journal keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Counts the steps, from 1.
    pub number: u64,
    /// The revision after it.
    pub revision: Revision,
    /// What happens to keys, all at that revision.
    pub events: Vec<Event>,
    /// The lease that is made.
    pub granted: Option<(LeaseId, Duration)>,
    /// The leases that end; what happens to their keys is among the events.
    pub ended: Vec<LeaseId>,
}

impl Step {
    /// Whether nothing happens in it: it need be neither kept nor applied.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.granted.is_none() && self.ended.is_empty()
    }
}

/// Everything that lasts, to go on from after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The number of the last step.
    pub number: u64,
    /// The last revision.
    pub revision: Revision,
    /// All keys.
    pub entries: Vec<Entry>,
    /// All leases.
    pub leases: Vec<(LeaseId, Duration)>,
}

/// The keys, leases and past changes.
#[derive(Debug, Default)]
pub struct Store {
    number: u64,
    revision: Revision,
    entries: BTreeMap<String, Entry>,
    bytes: usize,
    leases: Leases,
    history: History,
}

impl Store {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on from what was kept. Every lease begins anew at `now`: nobody could keep it alive in the meantime.
    pub fn restored(kept: Kept, now: Duration) -> Self {
        let mut store = Self { number: kept.number, revision: kept.revision, ..Self::default() };
        store.history.forget(kept.revision);
        for (lease, ttl) in kept.leases {
            store.leases.grant(lease, ttl, now);
        }
        for entry in kept.entries {
            store.put(entry);
        }
        store
    }

    /// The revision of the last change.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The number of the last step.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Takes note of the time, before anything else is asked. A long pause since the last time means that this
    /// process was away, and all leases go on for as much longer.
    pub fn observe(&mut self, now: Duration) {
        self.leases.observe(now);
    }

    /// Whether a lease's time is over, so that [`Order::Expire`] would do something.
    pub fn has_expired(&self, now: Duration) -> bool {
        self.leases.expired(now).next().is_some()
    }

    /// All keys that begin with `prefix`.
    ///
    /// # Errors
    /// [`CoordinatorError::Refused`] for a prefix that no key can have.
    pub fn range(&self, prefix: &str) -> Result<Range, CoordinatorError> {
        bounds::check_prefix(prefix)?;
        let from = self.entries.range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded));
        let entries = from.map(|(_, entry)| entry).take_while(|entry| entry.key.starts_with(prefix)).cloned().collect();
        Ok(Range { revision: self.revision, entries })
    }

    /// What happened under `prefix` from the revision `from` on: up to now, or up to a revision at which it has become much.
    ///
    /// # Errors
    /// [`CoordinatorError::Compacted`] when not all of it is kept, [`CoordinatorError::Changed`] for a revision that is more than one
    /// ahead of this store: it was told by another one.
    pub fn changes(&self, prefix: &str, from: Revision) -> Result<Changes, CoordinatorError> {
        bounds::check_prefix(prefix)?;
        let from = from.max(1);
        if from > self.revision + 1 {
            let why = format!("it is at revision {}, and was at {} before", self.revision, from - 1);
            return Err(CoordinatorError::Changed(why));
        }
        self.history.changes(prefix, from, self.revision)
    }

    /// Keeps a lease alive for another ttl.
    ///
    /// # Errors
    /// [`CoordinatorError::LeaseGone`] when it has ended, also when its keys are still there.
    pub fn keep_alive(&mut self, lease: LeaseId, now: Duration) -> Result<(), CoordinatorError> {
        self.leases.keep_alive(lease, now)
    }

    /// What `order` would do and give.
    ///
    /// # Errors
    /// [`CoordinatorError::Refused`] beyond a bound of what is asked; [`CoordinatorError::Full`] beyond one of what is kept; [`CoordinatorError::LeaseGone`] for a write under a lease that has ended.
    pub fn plan(&self, order: &Order, now: Duration) -> Result<(Step, Done), CoordinatorError> {
        let mut step = Step { number: self.number + 1, revision: self.revision, ..Step::default() };
        let done = match order {
            Order::Transact(txn) => Done::Transact(self.plan_txn(txn, now, &mut step)?),
            Order::Grant(ttl) => {
                bounds::check_ttl(*ttl)?;
                if self.leases.len() >= MAX_LEASES {
                    return Err(CoordinatorError::Full(format!("there are {MAX_LEASES} leases already")));
                }
                // The step's number is not used by any other lease, also not after a restart.
                step.granted = Some((step.number, *ttl));
                Done::Grant(step.number)
            }
            Order::Revoke(lease) => {
                self.plan_end(self.leases.contains(*lease).then_some(*lease), &mut step);
                Done::Ended
            }
            Order::Expire => {
                self.plan_end(self.leases.expired(now), &mut step);
                Done::Ended
            }
        };
        Ok((step, done))
    }

    fn plan_txn(&self, txn: &Txn, now: Duration, step: &mut Step) -> Result<TxnOutcome, CoordinatorError> {
        bounds::check(txn)?;
        let applied = txn.compares.iter().all(|compare| self.holds(compare));
        if applied {
            let next = self.revision + 1;
            for op in &txn.ops {
                step.events.extend(self.plan_op(op, next, now)?);
            }
            self.check_room(&step.events)?;
            if !step.events.is_empty() {
                step.revision = next;
            }
        }
        let reads = txn.reads.iter().filter_map(|key| self.after(key, &step.events).cloned()).collect();
        Ok(TxnOutcome { applied, revision: step.revision, reads })
    }

    fn holds(&self, compare: &Compare) -> bool {
        match compare {
            Compare::Absent(key) => !self.entries.contains_key(key),
            Compare::Present(key) => self.entries.contains_key(key),
            Compare::Unchanged(key, revision) => self.entries.get(key).is_some_and(|entry| entry.revision == *revision),
        }
    }

    fn plan_op(&self, op: &Op, revision: Revision, now: Duration) -> Result<Option<Event>, CoordinatorError> {
        match op {
            Op::Put { key, value, lease } => {
                if lease.is_some_and(|lease| !self.leases.is_alive(lease, now)) {
                    return Err(CoordinatorError::LeaseGone);
                }
                // A value that is a slice of a large request must not hold all of it.
                let value = Bytes::copy_from_slice(value);
                Ok(Some(Event::Put(Entry { key: key.clone(), value, revision, lease: *lease })))
            }
            Op::Delete(key) => {
                let is_there = self.entries.contains_key(key);
                Ok(is_there.then(|| Event::Deleted { key: key.clone(), revision }))
            }
        }
    }

    fn plan_end(&self, leases: impl IntoIterator<Item = LeaseId>, step: &mut Step) {
        step.ended.extend(leases);
        let revision = self.revision + 1;
        let keys = step.ended.iter().flat_map(|lease| self.leases.keys(*lease));
        step.events = keys.map(|key| Event::Deleted { key: key.to_owned(), revision }).collect();
        if !step.events.is_empty() {
            step.revision = revision;
        }
    }

    /// Refuses what would not fit, unless it makes the store smaller.
    fn check_room(&self, events: &[Event]) -> Result<(), CoordinatorError> {
        let (mut keys, mut bytes) = (self.entries.len(), self.bytes);
        for event in events {
            let old = self.entries.get(key_of(event));
            keys = keys + usize::from(matches!(event, Event::Put(_))) - usize::from(old.is_some());
            let new = if let Event::Put(entry) = event { size(entry) } else { 0 };
            bytes = bytes + new - old.map_or(0, size);
        }
        if keys > MAX_KEYS.max(self.entries.len()) || bytes > MAX_BYTES.max(self.bytes) {
            return Err(CoordinatorError::Full(format!("out of space: {keys} keys with {bytes} bytes")));
        }
        Ok(())
    }

    /// A key as it stands after these events.
    fn after<'a>(&'a self, key: &str, events: &'a [Event]) -> Option<&'a Entry> {
        match events.iter().find(|event| key_of(event) == key) {
            Some(Event::Put(entry)) => Some(entry),
            Some(Event::Deleted { .. }) => None,
            None => self.entries.get(key),
        }
    }

    /// Carries out what was planned last.
    pub fn apply(&mut self, step: Step, now: Duration) {
        if step.is_empty() {
            return;
        }
        self.number = step.number;
        self.revision = step.revision;
        if let Some((lease, ttl)) = step.granted {
            self.leases.grant(lease, ttl, now);
        }
        for event in &step.events {
            self.remove(key_of(event));
            if let Event::Put(entry) = event {
                self.put(entry.clone());
            }
        }
        for lease in &step.ended {
            self.leases.end(*lease);
        }
        self.history.push(step.revision, step.events);
    }

    fn put(&mut self, entry: Entry) {
        self.bytes += size(&entry);
        if let Some(lease) = entry.lease {
            self.leases.attach(lease, &entry.key);
        }
        self.entries.insert(entry.key.clone(), entry);
    }

    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= size(&entry);
            if let Some(lease) = entry.lease {
                self.leases.detach(lease, key);
            }
        }
    }
}

fn key_of(event: &Event) -> &str {
    match event {
        Event::Put(entry) => &entry.key,
        Event::Deleted { key, .. } => key,
    }
}

fn size(entry: &Entry) -> usize {
    entry.key.len() + entry.value.len()
}

#[cfg(test)]
mod tests;
