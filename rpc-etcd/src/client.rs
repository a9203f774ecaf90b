//! Calls of etcd, each under a time limit.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use etcd_client::{Client, GetOptions, KvClient, LeaseClient, ResponseHeader, WatchClient};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use rpc_core::coordinator::bounds::{self, CALL_TIME, MAX_BYTES};
use rpc_core::coordinator::{Changes, Coordinator, CoordinatorError, LeaseId, Range, Revision, Txn, TxnOutcome};
use tokio::time::timeout;

use crate::options::EtcdOptions;
use crate::{error, watch, words};

/// The first version that answers when a watch is asked how far it is.
const FIRST_VERSION: (u32, u32) = (3, 4);

/// Largest answer, in bytes: all keys, and what stands around each of them.
const MAX_ANSWER: usize = 2 * MAX_BYTES;

/// A coordinator in an etcd. Its connections are made anew by themselves; a call that meets a broken one fails, and is for the
/// caller to repeat.
pub struct Etcd {
    kv: KvClient,
    leases: LeaseClient,
    watches: WatchClient,
    prefix: Arc<str>,
    identity: Arc<Identity>,
}

/// Which etcd this is: known from the first answer on, and the same for ever.
#[derive(Debug, Default)]
pub(crate) struct Identity(OnceLock<u64>);

impl Identity {
    /// The revision of an answer, if it comes from the same etcd as those before.
    pub(crate) fn check(&self, header: Option<&ResponseHeader>) -> Result<Revision, CoordinatorError> {
        let (cluster, revision) = words::header(header)?;
        let known = *self.0.get_or_init(|| cluster);
        if known != cluster {
            let why = format!("the etcd cluster has the id {cluster:x}, and had {known:x} before");
            return Err(CoordinatorError::Changed(why));
        }
        Ok(revision)
    }
}

impl Etcd {
    /// Connects to an etcd at one or more endpoints, such as `http://10.0.0.1:2379`.
    ///
    /// # Errors
    /// [`CoordinatorError::Unavailable`] when no endpoint answers in time: try again later. [`CoordinatorError::Refused`] for a bad endpoint
    /// or prefix, a wrong password, or an etcd that is too old.
    pub async fn connect(endpoints: &[String], options: EtcdOptions) -> Result<Self, CoordinatorError> {
        let connecting = Client::connect(endpoints, Some(options.check()?));
        let mut client = within(connecting).await?;
        let status = within(client.status()).await?;
        if !is_new_enough(status.version()) {
            let (major, minor) = FIRST_VERSION;
            let why = format!("it is etcd {}, and {major}.{minor} is needed", error::cut(status.version()));
            return Err(CoordinatorError::Refused(why));
        }
        let identity = Arc::new(Identity::default());
        identity.check(status.header())?;
        Ok(Self {
            kv: client.kv_client().max_decoding_message_size(MAX_ANSWER),
            leases: client.lease_client(),
            watches: client.watch_client().max_decoding_message_size(MAX_ANSWER),
            prefix: options.prefix.into(),
            identity,
        })
    }

    /// Etcd's revision now, agreed upon by most of its members.
    async fn revision(&self) -> Result<Revision, CoordinatorError> {
        let mut kv = self.kv.clone();
        let response = within(kv.get(&*self.prefix, Some(GetOptions::new().with_count_only()))).await?;
        self.identity.check(response.header())
    }
}

/// Whether a version such as `3.4.23` will do.
fn is_new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= FIRST_VERSION,
        _ => false,
    }
}

/// An answer within the time of a call.
async fn within<T>(call: impl Future<Output = Result<T, etcd_client::Error>>) -> Result<T, CoordinatorError> {
    within_time(CALL_TIME, call).await
}

async fn within_time<T>(
    time: Duration,
    call: impl Future<Output = Result<T, etcd_client::Error>>,
) -> Result<T, CoordinatorError> {
    match timeout(time, call).await {
        Ok(answer) => answer.map_err(error::read),
        Err(_late) => Err(CoordinatorError::Unavailable(format!("etcd has not answered within {time:?}"))),
    }
}

impl Coordinator for Etcd {
    fn kind(&self) -> &'static str {
        "etcd"
    }

    fn range<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Range, CoordinatorError>> {
        Box::pin(async move {
            bounds::check_prefix(prefix)?;
            let key = format!("{}{prefix}", self.prefix);
            let mut kv = self.kv.clone();
            // Sorted by key, and agreed upon by most members, unless told otherwise.
            let response = within(kv.get(key, Some(GetOptions::new().with_prefix()))).await?;
            let revision = self.identity.check(response.header())?;
            let entries = response.kvs().iter().filter_map(|kv| words::entry(&self.prefix, kv)).collect();
            Ok(Range { revision, entries })
        })
    }

    fn transact(&self, txn: Txn) -> BoxFuture<'_, Result<TxnOutcome, CoordinatorError>> {
        self.transact_within(txn, CALL_TIME)
    }

    fn transact_within(&self, txn: Txn, patience: Duration) -> BoxFuture<'_, Result<TxnOutcome, CoordinatorError>> {
        Box::pin(async move {
            bounds::check(&txn)?;
            let mut kv = self.kv.clone();
            let response = within_time(patience, kv.txn(words::txn(&self.prefix, txn))).await?;
            let revision = self.identity.check(response.header())?;
            Ok(words::outcome(&self.prefix, &response, revision))
        })
    }

    fn grant(&self, ttl: Duration) -> BoxFuture<'_, Result<LeaseId, CoordinatorError>> {
        Box::pin(async move {
            bounds::check_ttl(ttl)?;
            // Rounded up: a lease may end late, never early.
            let seconds = words::number(ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0));
            let mut leases = self.leases.clone();
            let granted = within(leases.grant(seconds, None)).await?;
            self.identity.check(granted.header())?;
            if granted.ttl() < seconds {
                let why = format!("etcd grants {} s instead of {seconds} s", granted.ttl());
                return Err(CoordinatorError::Refused(why));
            }
            Ok(granted.id() as LeaseId)
        })
    }

    fn keep_alive(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), CoordinatorError>> {
        Box::pin(async move {
            let mut leases = self.leases.clone();
            within(leases.keep_alive(words::number(lease))).await.map(|_stream| ())
        })
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), CoordinatorError>> {
        Box::pin(async move {
            let mut leases = self.leases.clone();
            match within(leases.revoke(words::number(lease))).await {
                Ok(_) | Err(CoordinatorError::LeaseGone) => Ok(()),
                Err(error) => Err(error),
            }
        })
    }

    fn watch<'a>(
        &'a self,
        prefix: &'a str,
        from: Revision,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Changes, CoordinatorError>>, CoordinatorError>> {
        Box::pin(async move {
            bounds::check_prefix(prefix)?;
            let from = from.max(1);
            // Etcd would wait in silence for a revision that it never told.
            let now = self.revision().await?;
            if from > now + 1 {
                let why = format!("etcd is at revision {now}, and was at {} before", from - 1);
                return Err(CoordinatorError::Changed(why));
            }
            let key = format!("{}{prefix}", self.prefix);
            let mut watches = self.watches.clone();
            let stream = within(watches.watch(key, Some(watch::options(from)))).await?;
            Ok(watch::told(stream, self.prefix.clone(), self.identity.clone(), from))
        })
    }
}

impl std::fmt::Debug for Etcd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Etcd").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        for (version, is_enough) in
            [("3.3.27", false), ("3.4.23", true), ("3.10.0", true), ("4.0.0", true), ("", false), ("next", false)]
        {
            assert_eq!(is_new_enough(version), is_enough, "{version}");
        }
    }
}
