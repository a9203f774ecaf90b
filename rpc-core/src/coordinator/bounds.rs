//! What every coordinator takes, so that a program that runs on one of them runs on all.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;

use super::{Compare, CoordinatorError, Op, Txn};

/// Longest key, in bytes: a group's or node's name, a few words before it, and a number behind.
pub const MAX_KEY: usize = 512;

/// Largest value, in bytes: a bucket of the map whose every slot has another owner takes about 40 KiB.
pub const MAX_VALUE: usize = 128 << 10;

/// Most comparisons of one transaction, and most operations and reads together: what etcd takes unless it is told otherwise
/// (`--max-txn-ops`). A whole map has 64 buckets.
pub const MAX_TXN_PARTS: usize = 128;

/// Most bytes of keys and values in one transaction: etcd takes requests of 1.5 MiB, and they have more in them than these.
pub const MAX_TXN_BYTES: usize = 1 << 20;

/// Shortest time to live: below a second, the pauses of a busy machine look like death.
pub const MIN_TTL: Duration = Duration::from_secs(1);

/// Longest time to live: a lease that goes on for an hour after its node's death tells nothing.
pub const MAX_TTL: Duration = Duration::from_secs(3600);

/// Most keys of one embedded coordinator: 64 buckets for each of 256 groups, eight records for each of 4,096 nodes, and moves.
pub const MAX_KEYS: usize = 65_536;

/// Most bytes of keys and values in one embedded coordinator: all of them can be read at once, in one answer.
pub const MAX_BYTES: usize = 64 << 20;

/// Most leases of one embedded coordinator: a few for each of 4,096 nodes.
pub const MAX_LEASES: usize = 16_384;

/// Most past changes that an embedded coordinator keeps for those who watch: a few thousand moves; who is further behind reads
/// all keys again, which is less.
pub const MAX_HISTORY: usize = 16_384;

/// Most bytes in those.
pub const MAX_HISTORY_BYTES: usize = 32 << 20;

/// Most bytes that one telling of changes holds before it ends with a revision.
pub const MAX_TOLD_BYTES: usize = 1 << 20;

/// How long a coordinator is waited for, unless an answer is of use for longer (`Coordinator::transact_within`): whoever asks has a next step to
/// take, such as another address or another try.
pub const CALL_TIME: Duration = Duration::from_secs(1);

/// How often a watch gives a sign of life.
pub const WATCH_SIGN: Duration = Duration::from_secs(1);

/// How long a watch may be silent before it is taken for dead: three signs.
pub const WATCH_SILENCE: Duration = Duration::from_secs(3);

const _: () = assert!(MAX_TXN_BYTES + 64 * MAX_KEY < (3 << 20) / 2, "etcd must take our largest transaction");
const _: () = assert!(MAX_HISTORY_BYTES >= 2 * MAX_TXN_BYTES && MAX_BYTES >= MAX_TXN_BYTES);

/// Checks that a transaction is one that every coordinator takes; how many bytes its keys and values have.
///
/// # Errors
/// [`CoordinatorError::Refused`] for too many parts, too many bytes, a value that is no text, a key twice among the operations, or the
/// revision 0, which writes nothing.
pub fn check(txn: &Txn) -> Result<usize, CoordinatorError> {
    if txn.compares.len() > MAX_TXN_PARTS || txn.ops.len() + txn.reads.len() > MAX_TXN_PARTS {
        return refuse(format!(
            "a transaction has at most {MAX_TXN_PARTS} comparisons, and as many operations and reads"
        ));
    }
    let mut bytes = 0;
    for compare in &txn.compares {
        let (Compare::Absent(key) | Compare::Present(key) | Compare::Unchanged(key, _)) = compare;
        bytes += check_key(key)?;
        if matches!(compare, Compare::Unchanged(_, 0)) {
            return refuse(format!("no revision 0 wrote {key:?}"));
        }
    }
    let mut written = BTreeSet::new();
    for op in &txn.ops {
        let (Op::Put { key, .. } | Op::Delete(key)) = op;
        bytes += check_key(key)?;
        if let Op::Put { value, .. } = op {
            bytes += check_value(key, value)?;
        }
        if !written.insert(key) {
            return refuse(format!("the transaction writes {key:?} twice"));
        }
    }
    for key in &txn.reads {
        bytes += check_key(key)?;
    }
    if bytes > MAX_TXN_BYTES {
        return refuse(format!("a transaction has at most {MAX_TXN_BYTES} bytes, this one {bytes}"));
    }
    Ok(bytes)
}

/// Checks a lease's time to live.
///
/// # Errors
/// [`CoordinatorError::Refused`] outside of [`MIN_TTL`] and [`MAX_TTL`].
pub fn check_ttl(ttl: Duration) -> Result<(), CoordinatorError> {
    if ttl < MIN_TTL || ttl > MAX_TTL {
        return refuse(format!("a lease lasts from {MIN_TTL:?} to {MAX_TTL:?}, not {ttl:?}"));
    }
    Ok(())
}

/// Checks a prefix.
///
/// # Errors
/// [`CoordinatorError::Refused`] when it is longer than any key.
pub fn check_prefix(prefix: &str) -> Result<(), CoordinatorError> {
    if prefix.len() > MAX_KEY {
        return refuse(format!("a prefix has at most {MAX_KEY} bytes, this one {}", prefix.len()));
    }
    Ok(())
}

fn check_key(key: &str) -> Result<usize, CoordinatorError> {
    if key.is_empty() || key.len() > MAX_KEY {
        return refuse(format!("a key has 1 to {MAX_KEY} bytes, this one {}", key.len()));
    }
    Ok(key.len())
}

fn check_value(key: &str, value: &Bytes) -> Result<usize, CoordinatorError> {
    if value.len() > MAX_VALUE {
        return refuse(format!("a value has at most {MAX_VALUE} bytes, that of {key:?} has {}", value.len()));
    }
    if std::str::from_utf8(value).is_err() {
        return refuse(format!("a value is text, that of {key:?} is not UTF-8"));
    }
    Ok(value.len())
}

fn refuse<T>(why: String) -> Result<T, CoordinatorError> {
    Err(CoordinatorError::Refused(why))
}
