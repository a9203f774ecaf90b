//! Our words as etcd's, and back. Keys gain and lose the cluster's prefix here.

use bytes::Bytes;
use etcd_client::{CompareOp, EventType, KeyValue, PutOptions, TxnOp, TxnOpResponse, TxnResponse};
use rpc_core::coordinator::{Compare, CoordinatorError, Entry, Event, LeaseId, Op, Revision, Txn, TxnOutcome};

use crate::error;

/// A transaction for etcd. It reads after it has written, and also when it does not write.
pub(crate) fn txn(prefix: &str, txn: Txn) -> etcd_client::Txn {
    let key = |key: &str| format!("{prefix}{key}");
    let compare = |compare: &Compare| match compare {
        Compare::Absent(name) => etcd_client::Compare::create_revision(key(name), CompareOp::Equal, 0),
        Compare::Present(name) => etcd_client::Compare::create_revision(key(name), CompareOp::Greater, 0),
        Compare::Unchanged(name, at) => etcd_client::Compare::mod_revision(key(name), CompareOp::Equal, number(*at)),
    };
    let op = |op: &Op| match op {
        Op::Put { key: name, value, lease } => {
            let options = lease.map(|lease| PutOptions::new().with_lease(number(lease)));
            TxnOp::put(key(name), value.to_vec(), options)
        }
        Op::Delete(name) => TxnOp::delete(key(name), None),
    };
    let reads = || txn.reads.iter().map(|name| TxnOp::get(key(name), None));
    let compares: Vec<_> = txn.compares.iter().map(compare).collect();
    let then: Vec<_> = txn.ops.iter().map(op).chain(reads()).collect();
    etcd_client::Txn::new().when(compares).and_then(then).or_else(reads().collect::<Vec<_>>())
}

/// What came of a transaction.
pub(crate) fn outcome(prefix: &str, response: &TxnResponse, revision: Revision) -> TxnOutcome {
    let responses = response.op_responses();
    let reads = responses.iter().filter_map(|response| match response {
        TxnOpResponse::Get(get) => get.kvs().first().and_then(|kv| entry(prefix, kv)),
        _ => None,
    });
    TxnOutcome { applied: response.succeeded(), revision, reads: reads.collect() }
}

/// A key as it stands; `None` if its name is none of ours, which is passed over.
pub(crate) fn entry(prefix: &str, kv: &KeyValue) -> Option<Entry> {
    let key = name(prefix, kv)?;
    let lease = (kv.lease() != 0).then_some(kv.lease() as LeaseId);
    Some(Entry { key, value: Bytes::copy_from_slice(kv.value()), revision: revision(kv.mod_revision()), lease })
}

/// Something that happened to a key.
pub(crate) fn event(prefix: &str, event: &etcd_client::Event) -> Option<Event> {
    let kv = event.kv()?;
    match event.event_type() {
        EventType::Put => entry(prefix, kv).map(Event::Put),
        EventType::Delete => name(prefix, kv).map(|key| Event::Deleted { key, revision: revision(kv.mod_revision()) }),
    }
}

fn name(prefix: &str, kv: &KeyValue) -> Option<String> {
    let name = std::str::from_utf8(kv.key()).ok().and_then(|key| key.strip_prefix(prefix));
    if name.is_none() {
        tracing::warn!(key = %error::cut(&String::from_utf8_lossy(kv.key())), "a key in etcd has a name that is no text");
    }
    name.map(str::to_owned)
}

/// Etcd's revisions are positive.
pub(crate) fn revision(number: i64) -> Revision {
    Revision::try_from(number).unwrap_or(0)
}

/// Etcd counts in signed numbers. What does not fit is larger than anything there.
pub(crate) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A header's revision; etcd puts one on every answer.
pub(crate) fn header(header: Option<&etcd_client::ResponseHeader>) -> Result<(u64, Revision), CoordinatorError> {
    let header = header.ok_or_else(|| CoordinatorError::Changed("an answer without a header".to_owned()))?;
    Ok((header.cluster_id(), revision(header.revision())))
}
