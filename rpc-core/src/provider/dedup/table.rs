//! The table of records, without its lock and its clock.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::copy::{Copying, Staged};
use super::{Ended, LIFE, MAX_BYTES, MAX_BYTES_OF_NODE, MAX_RECORDS, MAX_SESSIONS, RETRY_AFTER};
use crate::call::{CallId, Outcome};
use crate::error::{Executed, Kind, RpcError};
use crate::slot::Slot;

/// What a record costs besides its answer, in bytes: its places in three maps.
const RECORD_SIZE: usize = 256;

/// How often forgotten sessions are looked for, which goes through all of them.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Session and sequence.
pub(super) type Key = (u64, u64);

pub(super) struct Table {
    sessions: HashMap<u64, Session>,
    pub(super) slots: HashMap<Slot, Records>,
    /// The first epoch of which each slot's records are complete.
    since: Box<[u64]>,
    bytes: usize,
    doubt_until: Instant,
    next_sweep: Instant,
}

/// What is known of one session.
struct Session {
    /// It has every answer up to this sequence.
    acked: u64,
    heard: Instant,
    /// Its records, by sequence.
    records: BTreeMap<u64, Slot>,
}

/// The records of one slot.
#[derive(Default)]
pub(super) struct Records {
    pub(super) by_call: HashMap<Key, Record>,
    bytes: usize,
    pub(super) copying: Option<Copying>,
    pub(super) staged: Option<Staged>,
}

pub(super) enum Record {
    /// And the duplicates that wait for it.
    Running(Vec<oneshot::Sender<Ended>>),
    Done(Ended),
}

/// What is known of a call that may be run.
pub(super) enum Found {
    New,
    Running(oneshot::Receiver<Ended>),
    Done(Ended),
}

impl Table {
    pub(super) fn new(now: Instant, doubt: Duration) -> Self {
        Self {
            sessions: HashMap::new(),
            slots: HashMap::new(),
            since: vec![0; usize::from(Slot::COUNT)].into(),
            bytes: 0,
            doubt_until: now + doubt,
            next_sweep: now + SWEEP_EVERY,
        }
    }

    /// Looks a call up, and makes a record of one that is new.
    pub(super) fn begin(
        &mut self,
        slot: Slot,
        id: CallId,
        first_epoch: Option<u64>,
        now: Instant,
    ) -> Result<Found, RpcError> {
        self.sweep(now);
        self.hear(id, now)?;
        if let Some(found) = self.find(slot, id)? {
            return Ok(found);
        }
        if let Some(first) = first_epoch.filter(|first| *first < self.since(slot) || now < self.doubt_until) {
            let message = format!(
                "the call was first sent in epoch {first}, and its node has lost its records since: nobody knows whether it ran"
            );
            return Err(RpcError::new(Kind::Recovering, message).with_executed(Executed::Maybe));
        }
        self.check_room(slot)?;
        self.insert(slot, (id.session, id.sequence), Record::Running(Vec::new()));
        Ok(Found::New)
    }

    /// Takes note of a session's life and of what it has the answers to.
    fn hear(&mut self, id: CallId, now: Instant) -> Result<(), RpcError> {
        if self.sessions.len() >= MAX_SESSIONS && !self.sessions.contains_key(&id.session) {
            let message = format!("{MAX_SESSIONS} sessions have called this node of late, as many as it remembers");
            return Err(RpcError::new(Kind::Overloaded, message).with_retry_after(RETRY_AFTER));
        }
        let acked = self.session(id.session, now).acked;
        if id.acked > acked {
            self.acknowledge(id.session, id.acked);
        }
        if self.is_answered(id) {
            let message = format!("call {id} is an old duplicate: its session has said that it has the answer");
            return Err(RpcError::new(Kind::InvalidRequest, message).with_executed(Executed::Maybe));
        }
        Ok(())
    }

    fn session(&mut self, session: u64, now: Instant) -> &mut Session {
        let fresh = || Session { acked: 0, heard: now, records: BTreeMap::new() };
        let known = self.sessions.entry(session).or_insert_with(fresh);
        known.heard = now;
        known
    }

    /// Drops the records that nobody will ask for again.
    fn acknowledge(&mut self, session: u64, acked: u64) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        known.acked = known.acked.max(acked);
        let left = known.records.split_off(&acked.saturating_add(1));
        let answered = std::mem::replace(&mut known.records, left);
        answered.into_iter().for_each(|(sequence, slot)| self.drop_record(slot, (session, sequence)));
    }

    pub(super) fn is_answered(&self, id: CallId) -> bool {
        self.sessions.get(&id.session).is_some_and(|known| id.sequence <= known.acked)
    }

    fn find(&mut self, slot: Slot, id: CallId) -> Result<Option<Found>, RpcError> {
        let its = self.sessions.get(&id.session).and_then(|known| known.records.get(&id.sequence));
        if its.is_some_and(|its| *its != slot) {
            let message = format!("call {id} has arrived for another slot before; an id names one call");
            return Err(RpcError::new(Kind::InvalidRequest, message));
        }
        let record = self.slots.get_mut(&slot).and_then(|records| records.by_call.get_mut(&(id.session, id.sequence)));
        Ok(record.map(|record| match record {
            Record::Done(ended) => Found::Done(ended.clone()),
            Record::Running(waiting) => {
                let (sender, receiver) = oneshot::channel();
                // Duplicates that gave up make room for new ones; the others are each a call that the node has admitted.
                waiting.retain(|waiting| !waiting.is_closed());
                waiting.push(sender);
                Found::Running(receiver)
            }
        }))
    }

    fn check_room(&self, slot: Slot) -> Result<(), RpcError> {
        let (count, bytes) = self.slots.get(&slot).map_or((0, 0), |records| (records.by_call.len(), records.bytes));
        if count < MAX_RECORDS && bytes < MAX_BYTES && self.bytes < MAX_BYTES_OF_NODE {
            return Ok(());
        }
        let message = format!(
            "slot {slot} has {count} records of calls ({bytes} bytes; {} on this node) whose callers have not said that they have the answers",
            self.bytes
        );
        Err(RpcError::new(Kind::Overloaded, message).with_retry_after(RETRY_AFTER))
    }

    /// Records how a call ended, if anybody still wants to know.
    pub(super) fn end(&mut self, slot: Slot, id: CallId, ended: Ended) {
        let key = (id.session, id.sequence);
        let Some(records) = self.slots.get_mut(&slot) else { return };
        let Some(record) = records.by_call.get_mut(&key) else { return };
        let Record::Running(waiting) = record else { return };
        for waiting in std::mem::take(waiting) {
            let _has_given_up = waiting.send(ended.clone());
        }
        let answer = size_of_answer(&ended);
        *record = Record::Done(ended);
        records.bytes += answer;
        self.bytes += answer;
        if let Some(copying) = &mut records.copying {
            copying.ended(key);
        }
    }

    fn insert(&mut self, slot: Slot, key: Key, record: Record) {
        let size = size(&record);
        let records = self.slots.entry(slot).or_default();
        records.by_call.insert(key, record);
        records.bytes += size;
        self.bytes += size;
        if let Some(known) = self.sessions.get_mut(&key.0) {
            known.records.insert(key.1, slot);
        }
    }

    /// Drops the record from its slot; its session's list is the caller's to keep.
    fn drop_record(&mut self, slot: Slot, key: Key) {
        let Some(records) = self.slots.get_mut(&slot) else { return };
        if let Some(record) = records.by_call.remove(&key) {
            records.bytes -= size(&record);
            self.bytes -= size(&record);
        }
        if let Some(copying) = &mut records.copying {
            copying.dropped(key);
        }
        if records.is_idle() {
            self.slots.remove(&slot);
        }
    }

    /// Forgets the sessions that were silent for so long that nobody can be waiting for them.
    fn sweep(&mut self, now: Instant) {
        if now < self.next_sweep {
            return;
        }
        self.next_sweep = now + SWEEP_EVERY;
        let is_silent = |known: &Session| now.saturating_duration_since(known.heard) > LIFE;
        let silent: Vec<u64> =
            self.sessions.iter().filter(|(_, known)| is_silent(known)).map(|(session, _)| *session).collect();
        for session in silent {
            let Some(known) = self.sessions.remove(&session) else { continue };
            known.records.into_iter().for_each(|(sequence, slot)| self.drop_record(slot, (session, sequence)));
        }
    }

    pub(super) fn records(&self, slot: Slot) -> usize {
        self.slots.get(&slot).map_or(0, |records| records.by_call.len())
    }

    pub(super) fn since(&self, slot: Slot) -> u64 {
        self.since[slot.index()]
    }

    pub(super) fn acked(&self, session: u64) -> u64 {
        self.sessions.get(&session).map_or(0, |known| known.acked)
    }

    /// Begins the history of `slot` anew.
    pub(super) fn clear(&mut self, slot: Slot, since: u64) {
        self.since[slot.index()] = since;
        let Some(records) = self.slots.get(&slot) else { return };
        for key in records.by_call.keys().copied().collect::<Vec<_>>() {
            if let Some(known) = self.sessions.get_mut(&key.0) {
                known.records.remove(&key.1);
            }
            self.drop_record(slot, key);
        }
    }

    /// Takes over a record that came with its slot, unless its session has the answer.
    pub(super) fn adopt(&mut self, slot: Slot, key: Key, acked: u64, ended: Ended, now: Instant) {
        self.session(key.0, now);
        self.acknowledge(key.0, acked);
        if key.1 > self.acked(key.0) {
            self.insert(slot, key, Record::Done(ended));
        }
    }

    /// Changes what is kept for `slot`, and gives back what holds nothing then.
    pub(super) fn change(&mut self, slot: Slot, body: impl FnOnce(&mut Records)) {
        let Some(records) = self.slots.get_mut(&slot) else { return };
        body(records);
        if records.is_idle() {
            self.slots.remove(&slot);
        }
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        (self.sessions.len(), self.slots.len(), self.bytes)
    }
}

impl Records {
    pub(super) fn is_idle(&self) -> bool {
        self.by_call.is_empty() && self.copying.is_none() && self.staged.is_none()
    }
}

fn size(record: &Record) -> usize {
    match record {
        Record::Running(_) => RECORD_SIZE,
        Record::Done(ended) => RECORD_SIZE + size_of_answer(ended),
    }
}

pub(super) fn size_of_answer(ended: &Ended) -> usize {
    match ended {
        Ok(Outcome::Value(value)) => value.len(),
        Ok(Outcome::Failure { message, data }) => message.len() + data.len(),
        Err(error) => error.message().len(),
    }
}
