//! The work that every peer does: look a record up by its key among ten thousand, and send it back.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{PoisonError, RwLock};

use serde::{Deserialize, Serialize};

/// Records held by the server.
pub const RECORDS: u64 = 10_000;

const SHARDS: usize = 16;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub key: String,
    pub version: u64,
    pub payload: String,
}

/// The key of the record `number`: sixteen bytes.
pub fn key(number: u64) -> String {
    format!("record-{:09}", number % RECORDS)
}

/// The payload of every request and reply of a run.
pub fn payload(bytes: usize) -> String {
    "abcdefgh".repeat(bytes / 8)
}

/// The version of a record, from which the client sees that it got the one it asked for.
pub fn version(key: &str) -> u64 {
    key.bytes().fold(7, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte))
}

/// The server's map.
pub struct Records {
    hasher: RandomState,
    shards: Vec<RwLock<HashMap<String, u64>>>,
}

impl Records {
    pub fn new() -> Self {
        let hasher = RandomState::new();
        let records = Self { hasher, shards: (0..SHARDS).map(|_| RwLock::default()).collect() };
        for key in (0..RECORDS).map(key) {
            let version = version(&key);
            records.shard(&key).write().unwrap_or_else(PoisonError::into_inner).insert(key, version);
        }
        records
    }

    /// The record of `key`, with the payload of the request.
    pub fn get(&self, key: &str, payload: &str) -> Record {
        let version = *self.shard(key).read().unwrap_or_else(PoisonError::into_inner).get(key).unwrap_or(&0);
        Record { key: key.to_owned(), version, payload: payload.to_owned() }
    }

    fn shard(&self, key: &str) -> &RwLock<HashMap<String, u64>> {
        &self.shards[self.hasher.hash_one(key) as usize % SHARDS]
    }
}
