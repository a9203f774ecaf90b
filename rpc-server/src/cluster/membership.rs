//! How a node becomes known: it finds or founds the cluster, and keeps its record alive. None of this is a right to execute.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rpc_core::cluster::records::{self, FORMAT, Fence, FenceReason, Incarnation, META, Meta, NodeRecord};
use rpc_core::coordinator::{Compare, Coordinator, CoordinatorError, Entry, LeaseId, Op, Revision, Txn};
use rpc_core::node::NodeId;
use tokio::time::{Instant, sleep};

/// Wait between two tries to reach a coordinator that does not answer.
const PAUSE: Duration = Duration::from_millis(200);

/// Time beyond a lease's length after which a record of this node's own name must belong to somebody who lives.
const GRACE: Duration = Duration::from_secs(2);

/// Why a node cannot become a member, ever.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// Another process has this node's name, and lives.
    #[error(
        "node {id} is a member already, at {address}: give this one another `.advertise` address, or end the other"
    )]
    Doubled {
        /// The name.
        id: String,
        /// Where the other one answers.
        address: String,
    },
    /// The cluster was made by a later version.
    #[error("the cluster's records have format {0}, this program knows {FORMAT}: update it first")]
    Format(u32),
    /// The cluster is not the one that this node belonged to.
    #[error("the coordinator holds cluster {found}, this node belongs to {expected}: its data was lost or replaced")]
    Stranger {
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: String,
    },
    /// The cluster's own record cannot be read.
    #[error("the record `meta` of the cluster cannot be read: {0}")]
    Unreadable(String),
    /// The coordinator refuses.
    #[error("the coordinator refuses the node: {0}")]
    Refused(CoordinatorError),
}

/// The cluster as a node found it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Its id.
    pub(super) cluster: String,
}

/// Finds the cluster, or founds it with the id `fresh` if there is none yet. Waits for a coordinator that does not answer.
pub(super) async fn find(coordinator: &dyn Coordinator, fresh: &str) -> Result<Found, JoinError> {
    loop {
        match try_find(coordinator, fresh).await {
            Ok(found) => return found,
            Err(error) => persist(error).await?,
        }
    }
}

async fn try_find(coordinator: &dyn Coordinator, fresh: &str) -> Result<Result<Found, JoinError>, CoordinatorError> {
    let meta = Meta { format: FORMAT, cluster: fresh.to_owned() };
    let found = Txn {
        compares: vec![Compare::Absent(META.to_owned())],
        ops: vec![Op::Put { key: META.to_owned(), value: records::write(&meta), lease: None }],
        reads: vec![META.to_owned()],
    };
    let outcome = coordinator.transact(found).await?;
    let unreadable = |why: &str| JoinError::Unreadable(why.to_owned());
    Ok(outcome.reads.first().ok_or_else(|| unreadable("it is not there")).and_then(check_meta))
}

fn check_meta(entry: &Entry) -> Result<Found, JoinError> {
    let meta: Meta = records::read(&entry.value).map_err(|error| JoinError::Unreadable(error.to_string()))?;
    if meta.format > FORMAT {
        return Err(JoinError::Format(meta.format));
    }
    Ok(Found { cluster: meta.cluster })
}

/// The revision of `meta`, if it is that of the cluster that was found.
pub(super) fn recognise(meta: Option<&Entry>, cluster: &str) -> Result<Revision, JoinError> {
    let meta = meta.ok_or_else(|| JoinError::Unreadable("it is not there".to_owned()))?;
    let Found { cluster: found } = check_meta(meta)?;
    if found == cluster { Ok(meta.revision) } else { Err(JoinError::Stranger { found, expected: cluster.to_owned() }) }
}

/// Writes the node's record under a lease of its own. A record of the same name is waited for: a process that died leaves its
/// lease behind. So is the coordinator, and the wait for the record begins anew with its answers: while it is away, no lease ends.
pub(super) async fn register(
    coordinator: &dyn Coordinator,
    record: &NodeRecord,
    ttl: Duration,
) -> Result<LeaseId, JoinError> {
    let mut patience = Instant::now() + ttl + GRACE;
    loop {
        match try_register(coordinator, record, ttl).await {
            Ok(Ok(lease)) => return Ok(lease),
            Ok(Err(other)) if Instant::now() > patience => return Err(other),
            Ok(Err(_)) => sleep(PAUSE).await,
            Err(error) => {
                persist(error).await?;
                patience = Instant::now() + ttl + GRACE;
            }
        }
    }
}

async fn try_register(
    coordinator: &dyn Coordinator,
    record: &NodeRecord,
    ttl: Duration,
) -> Result<Result<LeaseId, JoinError>, CoordinatorError> {
    let lease = coordinator.grant(ttl).await?;
    let key = records::node_key(&record.id);
    let put = Txn {
        compares: vec![Compare::Absent(key.clone()), Compare::Present(META.to_owned())],
        ops: vec![Op::Put { key: key.clone(), value: records::write(record), lease: Some(lease) }],
        reads: vec![key],
    };
    let outcome = match coordinator.transact(put).await {
        Err(full @ CoordinatorError::Full(_)) => {
            // Nothing was written under it, and each try brings another.
            let _ends_by_itself = coordinator.revoke(lease).await;
            return Err(full);
        }
        outcome => outcome?,
    };
    let entry = outcome.reads.first();
    let there = entry.and_then(|entry| records::read::<NodeRecord>(&entry.value).ok());
    // An earlier try may have got through without its answer: then the record goes with that one's lease, and that one is to be kept.
    let is_ours = there.as_ref().is_some_and(|there| there.incarnation == record.incarnation);
    // Garbage without a lease has nobody behind it, and would never go by itself.
    if let Some(entry) = entry.filter(|entry| there.is_none() && entry.lease.is_none()) {
        tracing::warn!(key = entry.key, "a record that cannot be read is in the place of this node's: it is removed");
        let remove = Txn {
            compares: vec![Compare::Unchanged(entry.key.clone(), entry.revision)],
            ops: vec![Op::Delete(entry.key.clone())],
            reads: Vec::new(),
        };
        coordinator.transact(remove).await?;
    }
    let kept = entry.filter(|_| is_ours).map(|entry| entry.lease.unwrap_or(lease));
    if kept != Some(lease) {
        coordinator.revoke(lease).await?;
    }
    Ok(kept.ok_or_else(|| {
        let address = there.map_or_else(|| "an unknown address".to_owned(), |there| there.address);
        JoinError::Doubled { id: record.id.to_string(), address }
    }))
}

/// Keeps the record alive for as long as it is polled; registers again when the lease has ended, as after a long pause. `record`
/// tells the record as it should stand now; `shown` is the lease that it has.
pub(super) async fn keep(
    coordinator: Arc<dyn Coordinator>,
    record: impl Fn() -> NodeRecord,
    mut lease: LeaseId,
    shown: &AtomicU64,
    ttl: Duration,
) -> JoinError {
    let mut pause = ttl / 3;
    loop {
        sleep(pause).await;
        pause = ttl / 3;
        match coordinator.keep_alive(lease).await {
            Ok(()) => {}
            Err(CoordinatorError::LeaseGone) => match register(&*coordinator, &record(), ttl).await {
                Ok(fresh) => {
                    lease = fresh;
                    shown.store(lease, Ordering::Release);
                }
                Err(error @ (JoinError::Doubled { .. } | JoinError::Stranger { .. })) => return error,
                // A member that has lost its record has not lost its state: out of space or out of patience, the coordinator may take
                // the record later, and until then the lease is found gone again and again.
                Err(error) => tracing::warn!(%error, "the node's record could not be written anew"),
            },
            // Authority is another matter.
            Err(error) => {
                tracing::warn!(%error, "the node's lease could not be kept alive");
                pause = ttl / 12;
            }
        }
    }
}

/// Writes the record anew, under the lease that it has. An answer is of use for `patience`, as whoever beats with a slow coordinator has to be able to
/// leave with it.
pub(super) async fn update(
    coordinator: &dyn Coordinator,
    record: &NodeRecord,
    patience: Duration,
) -> Result<bool, CoordinatorError> {
    let key = records::node_key(&record.id);
    let known = coordinator.transact_within(Txn { reads: vec![key.clone()], ..Txn::default() }, patience).await?;
    let Some(entry) = known.reads.first() else { return Ok(false) };
    if records::read::<NodeRecord>(&entry.value).is_ok_and(|known| known.incarnation != record.incarnation) {
        return Ok(false);
    }
    let put = Txn {
        compares: vec![Compare::Unchanged(key.clone(), entry.revision)],
        ops: vec![Op::Put { key, value: records::write(record), lease: entry.lease }],
        reads: Vec::new(),
    };
    Ok(coordinator.transact_within(put, patience).await?.applied)
}

/// As [`update`], until it is done: a record that is not there, as after the coordinator was away, is about to be written anew by who
/// [keeps](keep) it. How long that is worth waiting for, the caller knows: `patience`.
pub(super) async fn announce(coordinator: &dyn Coordinator, record: &NodeRecord, patience: Duration) {
    while !matches!(update(coordinator, record, patience).await, Ok(true)) {
        sleep(PAUSE).await;
    }
}

/// Says that this incarnation executes nothing any more, and removes its record: not one that another start of the node has by now.
/// In another cluster it says nothing. An answer is of use for `patience`.
pub(super) async fn leave(
    coordinator: &dyn Coordinator,
    id: &NodeId,
    me: Incarnation,
    cluster: &str,
    patience: Duration,
) -> Result<(), CoordinatorError> {
    let key = records::node_key(id);
    let fence = records::write(&Fence { node: id.clone(), reason: FenceReason::Left });
    loop {
        let reads = vec![META.to_owned(), key.clone()];
        let known = coordinator.transact_within(Txn { reads, ..Txn::default() }, patience).await?;
        let find = |key: &str| known.reads.iter().find(|entry| entry.key == key);
        let meta = recognise(find(META), cluster).map_err(|error| CoordinatorError::Changed(error.to_string()))?;
        let mut txn = Txn {
            compares: vec![Compare::Unchanged(META.to_owned(), meta)],
            ops: vec![Op::Put { key: records::fence_key(me), value: fence.clone(), lease: None }],
            reads: Vec::new(),
        };
        let is_own = |entry: &&Entry| records::read::<NodeRecord>(&entry.value).is_ok_and(|it| it.incarnation == me);
        if let Some(own) = find(&key).filter(is_own) {
            txn.compares.push(Compare::Unchanged(key.clone(), own.revision));
            txn.ops.push(Op::Delete(key.clone()));
        }
        if coordinator.transact_within(txn, patience).await?.applied {
            return Ok(());
        }
        // The record was written in between: that does not go on, and the caller's patience is bounded.
        sleep(PAUSE).await;
    }
}

/// Waits after an error that time may mend; gives up on one that it cannot.
async fn persist(error: CoordinatorError) -> Result<(), JoinError> {
    match error {
        CoordinatorError::Unavailable(_)
        | CoordinatorError::Full(_)
        | CoordinatorError::LeaseGone
        | CoordinatorError::Compacted { .. } => {
            tracing::warn!(%error, "waiting for the coordinator");
            sleep(PAUSE).await;
            Ok(())
        }
        refused => Err(JoinError::Refused(refused)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use futures_util::future::BoxFuture;
    use rpc_core::clock::BootClock;
    use rpc_core::cluster::records::{Incarnation, NodeState};
    use rpc_core::coordinator::embedded::Embedded;

    use super::super::fixtures::{Behind, Between};
    use super::*;

    /// Loses an answer, if it is told to.
    struct Mumbling(AtomicBool);

    impl Between for Mumbling {
        fn after(&self) -> BoxFuture<'static, Result<(), CoordinatorError>> {
            let is_lost = self.0.swap(false, Ordering::Relaxed);
            Box::pin(
                async move { if is_lost { Err(CoordinatorError::Unavailable("lost".to_owned())) } else { Ok(()) } },
            )
        }
    }

    fn record(incarnation: u64) -> NodeRecord {
        NodeRecord {
            id: "a:1".into(),
            incarnation: Incarnation(incarnation),
            address: "a:1".to_owned(),
            weight: 1,
            zone: None,
            build: String::new(),
            groups: Vec::new(),
            state: NodeState::Serving,
        }
    }

    async fn keys(coordinator: &dyn Coordinator) -> Vec<String> {
        coordinator.range("").await.expect("it answers").entries.into_iter().map(|entry| entry.key).collect()
    }

    #[tokio::test]
    async fn a_registration_whose_answer_was_lost_keeps_the_lease_of_its_record() {
        let coordinator = Behind(Embedded::in_memory(Arc::new(BootClock)), Mumbling(AtomicBool::new(false)));
        find(&coordinator, "cluster").await.expect("it is founded");
        let record = record(7);
        coordinator.1.0.store(true, Ordering::Relaxed);
        let lease = register(&coordinator, &record, Duration::from_secs(60)).await.expect("it is registered");
        let key = records::node_key(&record.id);
        let there = coordinator.range(&key).await.expect("it answers").entries;
        assert_eq!(there.first().and_then(|entry| entry.lease), Some(lease));
    }

    /// Out of space for as long as it is told so.
    struct Full(AtomicBool);

    impl Between for Full {
        fn before(&self) -> BoxFuture<'static, Result<(), CoordinatorError>> {
            let is_full = self.0.load(Ordering::Relaxed);
            let refused = || Err(CoordinatorError::Full("database space exceeded".to_owned()));
            Box::pin(async move { if is_full { refused() } else { Ok(()) } })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_member_waits_for_a_coordinator_that_has_no_space_for_its_record() {
        let coordinator = Arc::new(Behind(Embedded::in_memory(Arc::new(BootClock)), Full(AtomicBool::new(false))));
        find(&*coordinator, "cluster").await.expect("it is founded");
        let (record, ttl) = (record(7), Duration::from_secs(5));
        let lease = register(&*coordinator, &record, ttl).await.expect("it is registered");
        coordinator.revoke(lease).await.expect("it ends");
        coordinator.1.0.store(true, Ordering::Relaxed);
        let shown = AtomicU64::new(lease);
        let keeping = keep(coordinator.clone(), || record.clone(), lease, &shown, ttl);
        tokio::pin!(keeping);
        assert!(tokio::time::timeout(10 * ttl, &mut keeping).await.is_err(), "it does not give up");
        coordinator.1.0.store(false, Ordering::Relaxed);
        assert!(tokio::time::timeout(ttl, &mut keeping).await.is_err());
        assert!(keys(&*coordinator).await.contains(&records::node_key(&record.id)));
        assert_ne!(shown.load(Ordering::Acquire), lease);
    }

    #[tokio::test(start_paused = true)]
    async fn a_joiner_waits_for_a_coordinator_that_has_no_room() {
        let coordinator = Arc::new(Behind(Embedded::in_memory(Arc::new(BootClock)), Full(AtomicBool::new(true))));
        let ttl = Duration::from_secs(5);
        let joining = async {
            find(&*coordinator, "cluster").await.expect("it is founded");
            register(&*coordinator, &record(7), ttl).await.expect("it is registered")
        };
        tokio::pin!(joining);
        assert!(tokio::time::timeout(10 * ttl, &mut joining).await.is_err(), "it does not give up");
        coordinator.1.0.store(false, Ordering::Relaxed);
        assert!(tokio::time::timeout(ttl, &mut joining).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn news_of_a_node_waits_for_a_record_that_is_gone_for_a_moment() {
        let coordinator = Embedded::in_memory(Arc::new(BootClock));
        find(&*coordinator, "cluster").await.expect("it is founded");
        let leaving = NodeRecord { state: NodeState::Leaving, ..record(7) };
        let telling = announce(&*coordinator, &leaving, Duration::from_secs(1));
        tokio::pin!(telling);
        assert!(tokio::time::timeout(10 * PAUSE, &mut telling).await.is_err(), "there is no record to change");
        register(&*coordinator, &record(7), Duration::from_secs(60)).await.expect("it is registered");
        tokio::time::timeout(10 * PAUSE, telling).await.expect("it is there");
        let there = coordinator.range(&records::node_key(&leaving.id)).await.expect("it answers").entries;
        let told: NodeRecord = records::read(&there.first().expect("a record").value).expect("readable");
        assert_eq!(told.state, NodeState::Leaving);
    }

    #[tokio::test]
    async fn garbage_in_the_place_of_a_node_s_record_keeps_it_out_for_a_moment_only() {
        let coordinator = Embedded::in_memory(Arc::new(BootClock));
        find(&*coordinator, "cluster").await.expect("it is founded");
        let (record, value) = (record(7), "garbage".into());
        let put = Op::Put { key: records::node_key(&record.id), value, lease: None };
        coordinator.transact(Txn { ops: vec![put], ..Txn::default() }).await.expect("it is written");
        register(&*coordinator, &record, Duration::from_secs(60)).await.expect("it is registered");
    }

    #[tokio::test]
    async fn who_leaves_takes_no_other_start_s_record_along() {
        let coordinator = Embedded::in_memory(Arc::new(BootClock));
        find(&*coordinator, "cluster").await.expect("it is founded");
        let record = record(8);
        register(&*coordinator, &record, Duration::from_secs(60)).await.expect("it is registered");
        leave(&*coordinator, &record.id, Incarnation(7), "cluster", Duration::from_secs(1)).await.expect("it leaves");
        let node = records::node_key(&record.id);
        assert!(keys(&*coordinator).await.contains(&node), "the record of 8");
        assert!(keys(&*coordinator).await.contains(&records::fence_key(Incarnation(7))));
        leave(&*coordinator, &record.id, Incarnation(8), "cluster", Duration::from_secs(1)).await.expect("it leaves");
        assert!(!keys(&*coordinator).await.contains(&node));
        let before = keys(&*coordinator).await;
        assert!(leave(&*coordinator, &record.id, Incarnation(9), "another", Duration::from_secs(1)).await.is_err());
        assert_eq!(keys(&*coordinator).await, before, "another cluster's coordinator is told nothing");
    }
}
