//! The table of records, without its lock and its clock.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::copy::Came;
use super::records::{BySlot, Key, RECORD_SIZE, Record, Records, SMALL_ANSWER, Stage, size_of_answer};
use super::sessions::{ItsRecords, Sessions};
use super::{Arrival, Ended, MAX_BYTES, MAX_BYTES_OF_NODE, MAX_RECORDS, RETRY_AFTER};
use crate::call::CallId;
use crate::error::{Executed, Kind, RpcError};
use crate::slot::Slot;

pub(super) struct Table {
    sessions: Sessions,
    pub(super) slots: BySlot,
    /// The first epoch of which each slot's records are complete.
    since: Box<[u64]>,
    bytes: usize,
    /// The calls of all slots with answers that can be dropped, by age.
    large: BTreeMap<u64, (Slot, Key)>,
    next_age: u64,
    doubt_until: Instant,
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
            sessions: Sessions::new(now),
            slots: BySlot::new(),
            since: vec![0; usize::from(Slot::COUNT)].into(),
            bytes: 0,
            large: BTreeMap::new(),
            next_age: 0,
            doubt_until: now + doubt,
        }
    }

    /// Looks a call up, and makes a record of one that is new. A call that is refused leaves nothing, not even its session.
    pub(super) fn begin(&mut self, slot: Slot, call: &Arrival, now: Instant) -> Result<Found, RpcError> {
        if self.sessions.is_due(now, false) {
            self.sweep(now);
        }
        let id = call.id;
        self.acknowledge(id.session, id.acked);
        if self.is_answered(id) {
            let message = format!("call {id} is an old duplicate: its session has said that it has the answer");
            return Err(RpcError::new(Kind::InvalidRequest, message).with_executed(Executed::Maybe));
        }
        if let Some(found) = self.find(slot, call)? {
            self.sessions.note(id.session, id.acked, slot, call.needed_until(now));
            return Ok(found);
        }
        if let Some(first) = call.first_epoch.filter(|first| *first > call.epoch) {
            let message = format!(
                "the call says that it was first sent in epoch {first}, and its slot is only in epoch {}: nobody knows whether it ran",
                call.epoch
            );
            return Err(RpcError::new(Kind::Recovering, message).with_executed(Executed::Maybe));
        }
        if let Some(first) = call.first_epoch.filter(|first| *first < self.since(slot) || now < self.doubt_until) {
            let message = format!(
                "the call was first sent in epoch {first}, and its node has lost its records since: nobody knows whether it ran"
            );
            return Err(RpcError::new(Kind::Recovering, message).with_executed(Executed::Maybe));
        }
        if let Err(full) = self.check_room(slot, id.session) {
            if !self.sessions.is_due(now, true) {
                return Err(full);
            }
            self.sweep(now);
            self.check_room(slot, id.session)?;
        }
        self.sessions.note(id.session, id.acked, slot, call.needed_until(now));
        let record = Record { print: Some(call.print), compact: call.compact, stage: Stage::Running(Vec::new()) };
        self.insert(slot, (id.session, id.sequence), record);
        Ok(Found::New)
    }

    /// Drops the records that nobody will ask for again, if the session is known here.
    pub(super) fn acknowledge(&mut self, session: u64, acked: u64) {
        let answered = self.sessions.acknowledge(session, acked);
        self.drop_records(session, answered);
    }

    pub(super) fn is_answered(&self, id: CallId) -> bool {
        id.sequence <= self.sessions.acked(id.session)
    }

    fn find(&mut self, slot: Slot, call: &Arrival) -> Result<Option<Found>, RpcError> {
        let id = call.id;
        let another = |what: &str| {
            let message = format!("call {id} has arrived {what} before; an id names one call");
            Err(RpcError::new(Kind::InvalidRequest, message))
        };
        if self.sessions.place(id.session, id.sequence).is_some_and(|its| its != slot) {
            return another("for another slot");
        }
        let record = self.slots.get_mut(slot).and_then(|records| records.by_call.get_mut(&(id.session, id.sequence)));
        let Some(record) = record else { return Ok(None) };
        if record.print.is_some_and(|print| print.differs(call.print)) {
            return another("for another method or with other arguments");
        }
        if let Some(ended) = record.ended() {
            return Ok(Some(Found::Done(ended)));
        }
        let (sender, receiver) = oneshot::channel();
        if let Stage::Running(waiting) = &mut record.stage {
            // Duplicates that gave up make room for new ones; the others are each a call that the node has admitted.
            waiting.retain(|waiting| !waiting.is_closed());
            waiting.push(sender);
        }
        Ok(Some(Found::Running(receiver)))
    }

    fn check_room(&mut self, slot: Slot, session: u64) -> Result<(), RpcError> {
        self.sessions.check_room(session, slot)?;
        self.make_room(slot, RECORD_SIZE);
        let (count, bytes) = self.slots.get(slot).map_or((0, 0), |records| (records.by_call.len(), records.bytes));
        let is_full = count >= MAX_RECORDS || bytes + RECORD_SIZE > MAX_BYTES;
        if !is_full && self.bytes + RECORD_SIZE <= MAX_BYTES_OF_NODE {
            return Ok(());
        }
        let message = format!(
            "slot {slot} has {count} records of calls ({bytes} bytes; {} on this node) whose callers have not said that they have the answers",
            self.bytes
        );
        Err(RpcError::new(Kind::Overloaded, message).with_retry_after(RETRY_AFTER))
    }

    /// Drops the oldest answers until `bytes` more fit: first the slot's own, then those of all slots. That they were given stays.
    fn make_room(&mut self, slot: Slot, bytes: usize) {
        while let Some(records) = self.slots.get(slot)
            && records.bytes + bytes > MAX_BYTES
            && let Some((&age, &key)) = records.large.first_key_value()
        {
            self.drop_answer(age, slot, key);
        }
        while self.bytes + bytes > MAX_BYTES_OF_NODE
            && let Some((&age, &(slot, key))) = self.large.first_key_value()
        {
            self.drop_answer(age, slot, key);
        }
    }

    fn drop_answer(&mut self, age: u64, slot: Slot, key: Key) {
        self.large.remove(&age);
        let Some(records) = self.slots.get_mut(slot) else { return };
        records.large.remove(&age);
        if let Some(record) = records.by_call.get_mut(&key) {
            let freed = record.size() - RECORD_SIZE;
            record.stage = Stage::Dropped;
            records.bytes -= freed;
            self.bytes -= freed;
        }
    }

    /// Records how a call ended, if anybody still wants to know.
    pub(super) fn end(&mut self, slot: Slot, id: CallId, ended: Ended) {
        let key = (id.session, id.sequence);
        let Some(records) = self.slots.get_mut(slot) else { return };
        let Some(record) = records.by_call.get_mut(&key) else { return };
        let Stage::Running(waiting) = &mut record.stage else { return };
        for waiting in std::mem::take(waiting) {
            let _has_given_up = waiting.send(ended.clone());
        }
        let answer = size_of_answer(&ended);
        let age = (answer > SMALL_ANSWER).then_some(self.next_age);
        record.stage = Stage::Done(ended, age);
        records.bytes += answer;
        self.bytes += answer;
        if let Some(copying) = &mut records.copying {
            copying.ended(key);
        }
        if let Some(age) = age {
            records.large.insert(age, key);
            self.large.insert(age, (slot, key));
            self.next_age += 1;
        }
        self.make_room(slot, 0);
    }

    fn insert(&mut self, slot: Slot, key: Key, record: Record) {
        let size = record.size();
        let records = self.slots.get_or_begin(slot);
        records.by_call.insert(key, record);
        records.bytes += size;
        self.bytes += size;
        self.sessions.add(key.0, key.1, slot);
    }

    fn drop_records(&mut self, session: u64, its: ItsRecords) {
        its.into_iter().for_each(|(sequence, slot)| self.drop_record(slot, (session, sequence)));
    }

    /// Drops the record from its slot; its session's list is the caller's to keep.
    fn drop_record(&mut self, slot: Slot, key: Key) {
        let Some(records) = self.slots.get_mut(slot) else { return };
        if let Some(record) = records.by_call.remove(&key) {
            records.bytes -= record.size();
            self.bytes -= record.size();
            if let Stage::Done(_, Some(age)) = record.stage {
                records.large.remove(&age);
                self.large.remove(&age);
            }
        }
        if let Some(copying) = &mut records.copying {
            copying.dropped(key);
        }
        self.slots.tidy(slot);
    }

    /// Forgets the sessions of which nothing can be on its way any more.
    fn sweep(&mut self, now: Instant) {
        for (session, its) in self.sessions.sweep(now) {
            self.drop_records(session, its);
        }
    }

    pub(super) fn records(&self, slot: Slot) -> usize {
        self.slots.get(slot).map_or(0, |records| records.by_call.len())
    }

    pub(super) fn since(&self, slot: Slot) -> u64 {
        self.since[slot.index()]
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Begins the history of `slot` anew.
    pub(super) fn clear(&mut self, slot: Slot, since: u64) {
        self.since[slot.index()] = since;
        let Some(records) = self.slots.get(slot) else { return };
        for key in records.by_call.keys().copied().collect::<Vec<_>>() {
            self.sessions.remove(key.0, key.1);
            self.drop_record(slot, key);
        }
    }

    /// Takes over a record that came with its slot, unless its session has the answer. Sessions come along even where there is no
    /// room for new ones: what a slot brings is bounded by the bounds of the node that it comes from.
    pub(super) fn adopt(&mut self, slot: Slot, key: Key, came: Came, now: Instant) {
        self.sessions.note(key.0, came.acked, slot, now + came.needed_for);
        self.acknowledge(key.0, came.acked);
        let id = CallId { session: key.0, sequence: key.1, acked: came.acked };
        if self.is_answered(id) {
            return;
        }
        self.insert(slot, key, Record { print: came.print, compact: None, stage: Stage::Running(Vec::new()) });
        if came.ended.as_ref().is_err_and(|error| error.kind() == Kind::AnswerDropped) {
            self.mark(slot, key);
        } else {
            self.end(slot, id, came.ended);
        }
    }

    /// Notes that a call has ended, without its answer.
    fn mark(&mut self, slot: Slot, key: Key) {
        if let Some(record) = self.slots.get_mut(slot).and_then(|records| records.by_call.get_mut(&key)) {
            record.stage = Stage::Dropped;
        }
    }

    /// Changes what is kept for `slot`, and gives back what holds nothing then.
    pub(super) fn change(&mut self, slot: Slot, body: impl FnOnce(&mut Records)) {
        let Some(records) = self.slots.get_mut(slot) else { return };
        body(records);
        self.slots.tidy(slot);
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        (self.sessions.len(), self.slots.len(), self.bytes)
    }
}
