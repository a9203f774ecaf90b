//! Where membership and slot maps are kept: a small, strictly ordered store of keys with leases and watches.
//!
//! Backends: one inside a seed node ([`embedded`]), which the other nodes reach over its port, and etcd. All pass one conformance
//! suite and keep the same [`bounds`]. What is written there, and when, is [`cluster`](crate::cluster)'s affair; a backend knows keys
//! and text only. A [`mirror`] keeps a copy of all keys up to date.

pub mod bounds;
pub mod embedded;
pub mod journal;
pub mod mirror;
pub mod store;
pub mod wire;

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

/// The key by which a coordinator's data is told from another's: written once, and never again.
pub const META: &str = "meta";

/// The number of a change; it grows by one with each transaction that changes something, and never goes back.
pub type Revision = u64;

/// The name of a lease, from its backend; never given twice.
pub type LeaseId = u64;

/// One key as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Its value, which is text.
    #[serde(with = "wire::text")]
    pub value: Bytes,
    /// The revision that wrote it last.
    pub revision: Revision,
    /// The lease that it goes with, if any.
    pub lease: Option<LeaseId>,
}

/// All keys under a prefix, at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The revision at which this is the whole truth; a watch goes on from the next one.
    pub revision: Revision,
    /// The keys, ascending.
    pub entries: Vec<Entry>,
}

/// What must hold for a transaction to be applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    /// The key does not exist.
    Absent(String),
    /// The key exists.
    Present(String),
    /// The key was last written by this revision.
    Unchanged(String, Revision),
}

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", from = "wire::ReadOp")]
pub enum Op {
    /// Writes a key; with a lease, the key goes when the lease ends.
    Put {
        /// The key.
        key: String,
        /// Its new value, which is text.
        #[serde(with = "wire::text")]
        value: Bytes,
        /// The lease that it goes with.
        lease: Option<LeaseId>,
    },
    /// Removes a key; no key is no error.
    Delete(String),
}

/// A transaction: if all of `compares` hold, all of `ops` are applied at one revision, otherwise none is. Either way the keys of
/// `reads` are read at the end of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Txn {
    /// What must hold.
    pub compares: Vec<Compare>,
    /// What is done then; no key twice.
    pub ops: Vec<Op>,
    /// Keys to read in the same step.
    pub reads: Vec<String>,
}

/// What came of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxnOutcome {
    /// Whether the comparisons held and the operations were applied.
    pub applied: bool,
    /// The revision after it.
    pub revision: Revision,
    /// The keys of `reads` that exist, in that order.
    pub reads: Vec<Entry>,
}

/// Something that happened to a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It was written.
    Put(Entry),
    /// It was removed, by hand or because its lease ended.
    Deleted {
        /// The key.
        key: String,
        /// The revision that removed it.
        revision: Revision,
    },
}

/// The changes under a watched prefix, in order: either some events, which all belong to revisions up to `revision`, or none, as
/// a sign that nothing was missed up to `revision`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Everything up to this revision has been told.
    pub revision: Revision,
    /// The events, ascending by revision.
    pub events: Vec<Event>,
}

/// Why a coordinator did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum CoordinatorError {
    /// No answer in time, or none at all. A transaction may or may not have been applied: read before acting on either.
    #[error("the coordinator cannot be reached: {0}")]
    Unavailable(String),
    /// The watch asks for changes that are not kept any more: list the keys again.
    #[error("the coordinator has forgotten the changes before revision {oldest}")]
    Compacted {
        /// The oldest revision that it can still tell.
        oldest: Revision,
    },
    /// The lease has ended.
    #[error("the lease has ended")]
    LeaseGone,
    /// It refuses: not allowed, too large, malformed. Nothing was applied, and asked again it would refuse again.
    #[error("the coordinator refuses: {0}")]
    Refused(String),
    /// It has no room: its disk or its queue is full. Nothing was applied, and later it may be.
    #[error("the coordinator has no room: {0}")]
    Full(String),
    /// It answered something that makes no sense, such as a revision that goes back, or is another cluster's by now: its data is not
    /// what it was.
    #[error("the coordinator is not the one it was: {0}")]
    Changed(String),
}

/// A coordinator. Every answer is as of now (linearizable); every wait is bounded by the backend's own time limit.
///
/// # Cancel safety
/// Dropping a transaction's future leaves open whether it was applied; dropping any other loses nothing.
pub trait Coordinator: Send + Sync + 'static {
    /// What kind of coordinator this is, for people: `embedded`, `etcd`.
    fn kind(&self) -> &'static str;

    /// From now on this is about the cluster of this id only: whatever another cluster's coordinator would answer is not asked of it, so
    /// that nothing is read or written there. The first id given stays. Backends that always reach the same data need not care.
    fn bind(&self, cluster: &str) {
        let _same_data_anyway = cluster;
    }

    /// Reads all keys that begin with `prefix`.
    fn range<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Range, CoordinatorError>>;

    /// Carries out a transaction.
    fn transact(&self, txn: Txn) -> BoxFuture<'_, Result<TxnOutcome, CoordinatorError>>;

    /// As [`transact`](Self::transact), for somebody to whom an answer is of use for `patience`, which may be longer than a coordinator is waited
    /// for otherwise. Whoever calls this bounds the wait himself: a backend may also keep to its usual limit.
    fn transact_within(&self, txn: Txn, patience: Duration) -> BoxFuture<'_, Result<TxnOutcome, CoordinatorError>> {
        let _the_usual = patience;
        self.transact(txn)
    }

    /// Makes a lease that ends `ttl` after it was last kept alive; some backends round it up to whole seconds.
    fn grant(&self, ttl: Duration) -> BoxFuture<'_, Result<LeaseId, CoordinatorError>>;

    /// Keeps a lease alive for another `ttl`. It tells liveness only: no right to execute follows from it.
    fn keep_alive(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), CoordinatorError>>;

    /// Ends a lease and removes its keys; one that has ended is no error.
    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), CoordinatorError>>;

    /// Watches all keys that begin with `prefix`, from the revision `from` on, that one included. The stream ends with an error,
    /// after which the caller watches again from the revision after the last one told; it tells a sign of life at least every
    /// few seconds, so that a caller can tell silence from death.
    fn watch<'a>(
        &'a self,
        prefix: &'a str,
        from: Revision,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Changes, CoordinatorError>>, CoordinatorError>>;
}
