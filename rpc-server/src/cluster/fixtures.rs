//! What the tests of this folder share: a coordinator that passes everything on, with something before and after.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use rpc_core::coordinator::embedded::Embedded;
use rpc_core::coordinator::{Changes, Coordinator, CoordinatorError, LeaseId, Range, Revision, Txn, TxnOutcome};

/// What stands between a node and its coordinator, as far as writing goes.
pub(super) trait Between: Send + Sync + 'static {
    /// Before the coordinator hears of it.
    fn before(&self) -> BoxFuture<'static, Result<(), CoordinatorError>> {
        Box::pin(async { Ok(()) })
    }

    /// Before the node hears what came of it.
    fn after(&self) -> BoxFuture<'static, Result<(), CoordinatorError>> {
        Box::pin(async { Ok(()) })
    }
}

/// A coordinator behind something.
pub(super) struct Behind<B>(pub(super) Arc<Embedded>, pub(super) B);

impl<B: Between> Coordinator for Behind<B> {
    fn kind(&self) -> &'static str {
        "behind something"
    }

    fn range<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Range, CoordinatorError>> {
        self.0.range(prefix)
    }

    fn transact(&self, txn: Txn) -> BoxFuture<'_, Result<TxnOutcome, CoordinatorError>> {
        Box::pin(async move {
            self.1.before().await?;
            let outcome = self.0.transact(txn).await;
            self.1.after().await?;
            outcome
        })
    }

    fn grant(&self, ttl: Duration) -> BoxFuture<'_, Result<LeaseId, CoordinatorError>> {
        Box::pin(async move {
            self.1.before().await?;
            self.0.grant(ttl).await
        })
    }

    fn keep_alive(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), CoordinatorError>> {
        self.0.keep_alive(lease)
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), CoordinatorError>> {
        self.0.revoke(lease)
    }

    fn watch<'a>(
        &'a self,
        prefix: &'a str,
        from: Revision,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Changes, CoordinatorError>>, CoordinatorError>> {
        self.0.watch(prefix, from)
    }
}
