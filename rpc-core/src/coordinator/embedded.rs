//! The coordinator inside a seed node.
//!
//! It is one process: without it, authority ends everywhere within its time, and calls wait or are refused. In memory its loss ends
//! the cluster, because nothing can tell who may still be executing: every other node stops and says so. On a journal, it goes on
//! after a restart with the same keys, the next revision, and every lease from its beginning.

mod complaint;
mod writer;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch;

use self::complaint::Complaint;
use self::writer::Writer;
use super::bounds::{CALL_TIME, WATCH_SIGN};
use super::journal::{Journal, JournalError};
use super::store::{Done, Order, Store};
use super::{Changes, Coordinator, CoordinatorError, LeaseId, Range, Revision, Txn, TxnOutcome};
use crate::clock::Clock;

/// How often leases are looked at: a key is gone at most so much later than its lease.
const LEASE_TICK: Duration = Duration::from_millis(100);

/// A coordinator in this process. Dropping it ends its watches.
pub struct Embedded {
    shared: Arc<Shared>,
    // None: in memory, written at once.
    writer: Option<Writer>,
}

/// The store, and who is woken when it changes.
struct Shared {
    // Held for one look-up or one change, never across an await or a write to the disk.
    store: Mutex<Store>,
    clock: Arc<dyn Clock>,
    revision: watch::Sender<Revision>,
    has_ended: AtomicBool,
}

impl Embedded {
    /// An empty coordinator that keeps everything in memory.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn in_memory(clock: Arc<dyn Clock>) -> Arc<Self> {
        Self::start(Store::new(), clock, None)
    }

    /// A coordinator that goes on from `journal`, and writes each step to it before it answers. This reads the journal, and blocks
    /// meanwhile.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be read, or no thread can be had to write it.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn with_journal(clock: Arc<dyn Clock>, mut journal: Box<dyn Journal>) -> Result<Arc<Self>, JournalError> {
        let store = Store::restored(journal.load()?, clock.now());
        let (writer, orders) = Writer::new();
        let embedded = Self::start(store, clock, Some(writer));
        let shared = embedded.shared.clone();
        writer::run(shared, journal, orders)?;
        Ok(embedded)
    }

    /// Ends it: watches end, nothing is answered any more but that, and the journal is closed when this returns.
    pub async fn close(&self) {
        self.end();
        if let Some(writer) = &self.writer {
            writer.close().await;
        }
    }

    fn end(&self) {
        self.shared.has_ended.store(true, Ordering::Release);
        self.shared.revision.send_modify(|_| ());
    }

    fn start(store: Store, clock: Arc<dyn Clock>, writer: Option<Writer>) -> Arc<Self> {
        let revision = watch::Sender::new(store.revision());
        let shared = Arc::new(Shared { store: Mutex::new(store), clock, revision, has_ended: AtomicBool::new(false) });
        let embedded = Arc::new(Self { shared, writer });
        tokio::spawn(end_leases(Arc::downgrade(&embedded)));
        embedded
    }

    async fn carry_out(&self, order: Order, patience: Duration) -> Result<Done, CoordinatorError> {
        self.shared.check()?;
        match &self.writer {
            None => self.shared.carry_out(&order),
            Some(writer) => writer.carry_out(order, patience).await,
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.end();
    }
}

/// Ends the leases whose time is over, as long as the coordinator is there.
async fn end_leases(embedded: Weak<Embedded>) {
    let mut complaint = Complaint::default();
    loop {
        tokio::time::sleep(LEASE_TICK).await;
        let Some(embedded) = embedded.upgrade() else { return };
        let now = embedded.shared.clock.now();
        if embedded.shared.check().is_err() {
            return;
        }
        if embedded.shared.observed(now).has_expired(now)
            && let Err(error) = embedded.carry_out(Order::Expire, CALL_TIME).await
        {
            // They are tried again at the next tick.
            if let Some(untold) = complaint.of_failure(now) {
                tracing::warn!(%error, untold, "leases could not be ended");
            }
        }
    }
}

impl Shared {
    /// The store, after it has seen what time it is.
    fn observed(&self, now: Duration) -> MutexGuard<'_, Store> {
        // No code that runs under the lock panics half-way through a change.
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.observe(now);
        store
    }

    /// Whether it goes on.
    fn check(&self) -> Result<(), CoordinatorError> {
        match self.has_ended.load(Ordering::Acquire) {
            true => Err(CoordinatorError::Unavailable("it has ended".to_owned())),
            false => Ok(()),
        }
    }

    /// Plans and applies, in one step under the lock.
    fn carry_out(&self, order: &Order) -> Result<Done, CoordinatorError> {
        let now = self.clock.now();
        let mut store = self.observed(now);
        let (step, done) = store.plan(order, now)?;
        store.apply(step, now);
        self.tell(&store);
        Ok(done)
    }

    /// Wakes those who watch, if there is something to see.
    fn tell(&self, store: &Store) {
        self.revision.send_if_modified(|told| std::mem::replace(told, store.revision()) != store.revision());
    }
}

impl Coordinator for Embedded {
    fn kind(&self) -> &'static str {
        "embedded"
    }

    fn range<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Range, CoordinatorError>> {
        Box::pin(async move {
            self.shared.check()?;
            self.shared.observed(self.shared.clock.now()).range(prefix)
        })
    }

    fn transact(&self, txn: Txn) -> BoxFuture<'_, Result<TxnOutcome, CoordinatorError>> {
        self.transact_within(txn, CALL_TIME)
    }

    fn transact_within(&self, txn: Txn, patience: Duration) -> BoxFuture<'_, Result<TxnOutcome, CoordinatorError>> {
        Box::pin(async move {
            match self.carry_out(Order::Transact(txn), patience).await? {
                Done::Transact(outcome) => Ok(outcome),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn grant(&self, ttl: Duration) -> BoxFuture<'_, Result<LeaseId, CoordinatorError>> {
        Box::pin(async move {
            match self.carry_out(Order::Grant(ttl), CALL_TIME).await? {
                Done::Grant(lease) => Ok(lease),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn keep_alive(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), CoordinatorError>> {
        Box::pin(async move {
            self.shared.check()?;
            let now = self.shared.clock.now();
            self.shared.observed(now).keep_alive(lease, now)
        })
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), CoordinatorError>> {
        Box::pin(async move { self.carry_out(Order::Revoke(lease), CALL_TIME).await.map(|_| ()) })
    }

    fn watch<'a>(
        &'a self,
        prefix: &'a str,
        from: Revision,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Changes, CoordinatorError>>, CoordinatorError>> {
        Box::pin(async move {
            // Says at once what a watch from there cannot be told.
            self.shared.observed(self.shared.clock.now()).changes(prefix, from)?;
            let revisions = self.shared.revision.subscribe();
            let watcher = Watcher { shared: self.shared.clone(), revisions, prefix: prefix.to_owned(), next: from };
            Ok(stream::unfold(Some(watcher), |watcher| async {
                let mut watcher = watcher?;
                let told = watcher.tell().await;
                let goes_on = told.is_ok();
                Some((told, goes_on.then_some(watcher)))
            })
            .boxed())
        })
    }
}

/// The store gave another kind of answer than it was asked for, which it never does.
fn unexpected(done: &Done) -> CoordinatorError {
    CoordinatorError::Changed(format!("it answered {done:?}"))
}

/// One watch. What it has not told yet stays in the store's history, which is bounded, so a slow reader costs nothing.
struct Watcher {
    shared: Arc<Shared>,
    revisions: watch::Receiver<Revision>,
    prefix: String,
    next: Revision,
}

impl Watcher {
    /// What there is to tell next, or a sign of life.
    async fn tell(&mut self) -> Result<Changes, CoordinatorError> {
        let sign = tokio::time::sleep(WATCH_SIGN);
        tokio::pin!(sign);
        loop {
            self.shared.check()?;
            self.revisions.mark_unchanged();
            let changes = self.shared.observed(self.shared.clock.now()).changes(&self.prefix, self.next)?;
            self.next = changes.revision + 1;
            if !changes.events.is_empty() {
                return Ok(changes);
            }
            tokio::select! {
                biased;
                // The sender is in `shared`, which this holds: it is never gone.
                _ = self.revisions.changed() => (),
                () = &mut sign => return Ok(changes),
            }
        }
    }
}

#[cfg(test)]
mod tests;
