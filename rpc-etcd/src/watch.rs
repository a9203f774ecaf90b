//! A watch that notices when its other side is gone.
//!
//! Every second without news it asks etcd how far it is. The answer is a sign of life and no more: in versions before 3.4.25 and
//! 3.5.8 it can overtake events of revisions that it claims were told, so only events move the watch forward.

use std::sync::Arc;

use etcd_client::{WatchOptions, WatchResponse, WatchStream};
use futures_util::stream::{self, BoxStream, StreamExt};
use rpc_core::coordinator::bounds::{WATCH_SIGN, WATCH_SILENCE};
use rpc_core::coordinator::{Changes, CoordinatorError, Event, Revision};
use tokio::time::{Instant, timeout, timeout_at};

use crate::client::Identity;
use crate::{error, words};

pub(crate) fn options(from: Revision) -> WatchOptions {
    WatchOptions::new().with_prefix().with_start_revision(words::number(from))
}

/// What an open watch tells.
pub(crate) fn told(
    stream: WatchStream,
    prefix: Arc<str>,
    identity: Arc<Identity>,
    from: Revision,
) -> BoxStream<'static, Result<Changes, CoordinatorError>> {
    let watch = Watch { stream, prefix, identity, told: from - 1 };
    stream::unfold(Some(watch), |watch| async {
        let mut watch = watch?;
        let told = watch.next().await;
        let goes_on = told.is_ok();
        Some((told, goes_on.then_some(watch)))
    })
    .boxed()
}

struct Watch {
    stream: WatchStream,
    prefix: Arc<str>,
    identity: Arc<Identity>,
    told: Revision,
}

impl Watch {
    async fn next(&mut self) -> Result<Changes, CoordinatorError> {
        let dead = Instant::now() + WATCH_SILENCE;
        loop {
            let response = match timeout(WATCH_SIGN, self.stream.message()).await {
                Ok(message) => message.map_err(error::read)?,
                Err(_quiet) => {
                    let asked = timeout_at(dead, self.stream.request_progress()).await;
                    asked.map_err(|_| silent())?.map_err(error::read)?;
                    if Instant::now() >= dead {
                        return Err(silent());
                    }
                    continue;
                }
            };
            let response = response.ok_or_else(|| lost("etcd has ended its watch".to_owned()))?;
            if let Some(changes) = self.read(&response)? {
                return Ok(changes);
            }
        }
    }

    /// What one message tells; `None` for one that only says that the watch is there.
    fn read(&mut self, response: &WatchResponse) -> Result<Option<Changes>, CoordinatorError> {
        if response.compact_revision() > 0 {
            return Err(CoordinatorError::Compacted { oldest: words::revision(response.compact_revision()) });
        }
        if response.canceled() {
            return Err(lost(format!("etcd has ended its watch: {}", error::cut(response.cancel_reason()))));
        }
        let now = self.identity.check(response.header())?;
        if response.created() {
            return Ok(None);
        }
        if response.events().is_empty() {
            // Either this member is far behind, or the data is not what it was: whoever reads all keys again finds out.
            if now < self.told {
                return Err(lost(format!("etcd is at revision {now}, and was at {} before", self.told)));
            }
            return Ok(Some(Changes { revision: self.told, events: Vec::new() }));
        }
        let last = response.events().iter().filter_map(|event| event.kv()).map(|kv| words::revision(kv.mod_revision()));
        self.told = last.fold(self.told, Revision::max);
        let events: Vec<Event> =
            response.events().iter().filter_map(|event| words::event(&self.prefix, event)).collect();
        Ok(Some(Changes { revision: self.told, events }))
    }
}

fn silent() -> CoordinatorError {
    lost(format!("the watch on etcd is silent for {WATCH_SILENCE:?}"))
}

fn lost(why: String) -> CoordinatorError {
    CoordinatorError::Unavailable(why)
}
