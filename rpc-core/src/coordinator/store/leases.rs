//! The leases and the keys that go with them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::{CoordinatorError, LeaseId};

/// A pause between two looks at the clock from which on the store itself was away: it is looked at ten times a second.
const AWAY: Duration = Duration::from_secs(1);

/// All leases.
#[derive(Debug, Default)]
pub(super) struct Leases {
    by_id: BTreeMap<LeaseId, Lease>,
    seen: Option<Duration>,
}

#[derive(Debug)]
struct Lease {
    ttl: Duration,
    ends: Duration,
    keys: BTreeSet<String>,
}

impl Leases {
    /// Takes note of the time. When the last look was long ago, this process was stopped or the machine asleep, and nobody could
    /// keep a lease alive: they all go on for as much longer, instead of all ending at once.
    pub(super) fn observe(&mut self, now: Duration) {
        let away = self.seen.replace(now).map(|seen| now.saturating_sub(seen)).filter(|away| *away > AWAY);
        if let Some(away) = away {
            self.by_id.values_mut().for_each(|lease| lease.ends += away);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn contains(&self, lease: LeaseId) -> bool {
        self.by_id.contains_key(&lease)
    }

    pub(super) fn is_alive(&self, lease: LeaseId, now: Duration) -> bool {
        self.by_id.get(&lease).is_some_and(|lease| now < lease.ends)
    }

    pub(super) fn expired(&self, now: Duration) -> impl Iterator<Item = LeaseId> {
        self.by_id.iter().filter(move |(_, lease)| lease.ends <= now).map(|(id, _)| *id)
    }

    pub(super) fn keys(&self, lease: LeaseId) -> impl Iterator<Item = &str> {
        self.by_id.get(&lease).into_iter().flat_map(|lease| &lease.keys).map(String::as_str)
    }

    pub(super) fn grant(&mut self, lease: LeaseId, ttl: Duration, now: Duration) {
        self.by_id.insert(lease, Lease { ttl, ends: now + ttl, keys: BTreeSet::new() });
    }

    pub(super) fn keep_alive(&mut self, lease: LeaseId, now: Duration) -> Result<(), CoordinatorError> {
        let alive = self.by_id.get_mut(&lease).filter(|lease| now < lease.ends).ok_or(CoordinatorError::LeaseGone)?;
        alive.ends = now + alive.ttl;
        Ok(())
    }

    pub(super) fn end(&mut self, lease: LeaseId) {
        self.by_id.remove(&lease);
    }

    pub(super) fn attach(&mut self, lease: LeaseId, key: &str) {
        if let Some(lease) = self.by_id.get_mut(&lease) {
            lease.keys.insert(key.to_owned());
        }
    }

    pub(super) fn detach(&mut self, lease: LeaseId, key: &str) {
        if let Some(lease) = self.by_id.get_mut(&lease) {
            lease.keys.remove(key);
        }
    }
}
