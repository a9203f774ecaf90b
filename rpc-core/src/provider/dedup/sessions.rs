//! The sessions that have called: what each has the answers to, and which of its calls have records.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::time::Instant;

use super::{MAX_SESSIONS, MAX_SESSIONS_OF_SLOT, RETRY_AFTER};
use crate::error::{Kind, RpcError};
use crate::slot::Slot;

/// How often sessions that are past their need are looked for, which goes through all of them.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// How often at most they are looked for when there is no room: a look at all takes a few milliseconds.
const SWEEP_AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// All sessions known.
pub(super) struct Sessions {
    known: HashMap<u64, Session, RandomState>,
    /// How many of them came by each slot: those who come by one must not use up the room of all.
    by_slot: Box<[u32]>,
    swept: Instant,
}

/// What is known of one session.
struct Session {
    /// It has every answer up to this sequence.
    acked: u64,
    /// Until when something of it may still be on its way.
    needed_until: Instant,
    came_by: Slot,
    /// Its records, by sequence.
    records: BTreeMap<u64, Slot>,
}

/// Records of one session: their sequences, and the slots they lie in.
pub(super) type ItsRecords = Vec<(u64, Slot)>;

impl Sessions {
    pub(super) fn new(now: Instant) -> Self {
        Self { known: HashMap::default(), by_slot: vec![0; usize::from(Slot::COUNT)].into(), swept: now }
    }

    /// Up to where the session has every answer; 0 for one that is not known.
    pub(super) fn acked(&self, session: u64) -> u64 {
        self.known.get(&session).map_or(0, |known| known.acked)
    }

    /// How much longer something of the session may be on its way.
    pub(super) fn needed_for(&self, session: u64, now: Instant) -> Duration {
        self.known.get(&session).map_or(Duration::ZERO, |known| known.needed_until.saturating_duration_since(now))
    }

    /// The slot in which the call has a record.
    pub(super) fn place(&self, session: u64, sequence: u64) -> Option<Slot> {
        self.known.get(&session)?.records.get(&sequence).copied()
    }

    /// Whether there is room for `session`, which comes by `slot`.
    ///
    /// # Errors
    /// [`Kind::Overloaded`], not executed.
    pub(super) fn check_room(&self, session: u64, slot: Slot) -> Result<(), RpcError> {
        let of_slot = self.by_slot[slot.index()] as usize;
        let is_full = self.known.len() >= MAX_SESSIONS || of_slot >= MAX_SESSIONS_OF_SLOT;
        if !is_full || self.known.contains_key(&session) {
            return Ok(());
        }
        let message = format!(
            "{} sessions have called this node of late, {of_slot} of them by slot {slot} first: it remembers at most \
             {MAX_SESSIONS}, and {MAX_SESSIONS_OF_SLOT} by one slot",
            self.known.len()
        );
        Err(RpcError::new(Kind::Overloaded, message).with_retry_after(RETRY_AFTER))
    }

    /// Takes note of a session, which may be new, and of how long it is needed. The bounds are the caller's to ask for.
    pub(super) fn note(&mut self, session: u64, acked: u64, slot: Slot, needed_until: Instant) {
        let by_slot = &mut self.by_slot[slot.index()];
        let known = self.known.entry(session).or_insert_with(|| {
            *by_slot += 1;
            Session { acked, needed_until, came_by: slot, records: BTreeMap::new() }
        });
        known.needed_until = known.needed_until.max(needed_until);
    }

    /// Lists a record of a session that is known.
    pub(super) fn add(&mut self, session: u64, sequence: u64, slot: Slot) {
        if let Some(known) = self.known.get_mut(&session) {
            known.records.insert(sequence, slot);
        }
    }

    /// Takes a record off its session's list.
    pub(super) fn remove(&mut self, session: u64, sequence: u64) {
        if let Some(known) = self.known.get_mut(&session) {
            known.records.remove(&sequence);
        }
    }

    /// A session that is known has every answer up to `acked`: gives the records that nobody will ask for again.
    pub(super) fn acknowledge(&mut self, session: u64, acked: u64) -> ItsRecords {
        let Some(known) = self.known.get_mut(&session).filter(|known| known.acked < acked) else {
            return ItsRecords::new();
        };
        known.acked = acked;
        let mut answered = ItsRecords::new();
        while let Some(first) = known.records.first_entry().filter(|first| *first.key() <= acked) {
            answered.push(first.remove_entry());
        }
        answered
    }

    /// Whether it is time to look for sessions past their need; sooner when there `is_need` of room.
    pub(super) fn is_due(&self, now: Instant, is_need: bool) -> bool {
        let pause = if is_need { SWEEP_AT_MOST_EVERY } else { SWEEP_EVERY };
        now.saturating_duration_since(self.swept) >= pause
    }

    /// Forgets the sessions of which nothing can be on its way any more, and gives their records.
    pub(super) fn sweep(&mut self, now: Instant) -> Vec<(u64, ItsRecords)> {
        self.swept = now;
        let by_slot = &mut self.by_slot;
        let gone = self.known.extract_if(|_, known| known.needed_until < now);
        gone.map(|(session, known)| {
            by_slot[known.came_by.index()] -= 1;
            (session, known.records.into_iter().collect())
        })
        .collect()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}
