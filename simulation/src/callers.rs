//! Who calls: workers on the nodes themselves and on hosts outside, each call with an item that no other has.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rpc_core::client::WhereverBuilder;
use tokio::time::sleep;
use wherever::RpcError;

use crate::bug::Bug;
use crate::chance;
use crate::history::{Answer, Heard, History, now};
use crate::ledger::{Ledger, LedgerClient, Listed};
use crate::transport::SimulatedTransport;

/// The deadline of all calls.
pub(crate) const DEADLINE: Duration = Duration::from_secs(3);

/// The parts of keys that choose the slot; two keys share each.
pub(crate) const TAGS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// What all callers share.
#[derive(Clone)]
pub(crate) struct Callers {
    pub(crate) is_over: Arc<AtomicBool>,
    pub(crate) last: Arc<Mutex<BTreeMap<String, Listed>>>,
    /// Calls under way: what they do is to be seen in the last lists.
    pub(crate) under_way: Arc<AtomicU64>,
    items: Arc<AtomicU64>,
    history: History,
}

/// All keys.
pub(crate) fn keys() -> Vec<String> {
    TAGS.iter().flat_map(|tag| [format!("{{{tag}}}1"), format!("{{{tag}}}2")]).collect()
}

/// A client of a program that is no node.
pub(crate) fn outside(seeds: &[String], bug: Option<Bug>) -> Result<LedgerClient, RpcError> {
    let builder = WhereverBuilder::connecting(seeds)?;
    let transport = Arc::new(SimulatedTransport { bug });
    let wherever = builder.transport(transport).random(chance::random).default_deadline(DEADLINE).build()?;
    Ok(wherever.client())
}

impl Callers {
    pub(crate) fn new(history: History) -> Self {
        Self {
            is_over: Arc::default(),
            last: Arc::default(),
            under_way: Arc::default(),
            items: Arc::default(),
            history,
        }
    }

    /// Calls until the load is over.
    pub(crate) async fn call(self, client: LedgerClient, _name: String) {
        let keys = keys();
        while !self.is_over.load(Ordering::Relaxed) {
            sleep(chance::millis(2..80)).await;
            let key = chance::one_of(&keys).clone();
            let began = now();
            // Not of a caller whose node has crashed: it is dropped with the call.
            let _under_way = UnderWay::begin(&self.under_way);
            let answer = if chance::in_thousand(750) {
                let item = self.items.fetch_add(1, Ordering::Relaxed) + 1;
                match client.append(key.clone(), item).await {
                    Ok(place) => Answer::Appended(item, place),
                    Err(error) => Answer::Failed(Some(item), error),
                }
            } else {
                match client.list(key.clone()).await {
                    Ok(listed) => Answer::Listed(listed),
                    Err(error) => Answer::Failed(None, error),
                }
            };
            self.history.heard(Heard { key, began, ended: now(), answer });
        }
    }

    /// Reads every list, for the last time.
    pub(crate) async fn read_all(self, client: LedgerClient) {
        for key in keys() {
            loop {
                match client.list(key.clone()).await {
                    Ok(listed) => {
                        self.last.lock().unwrap_or_else(PoisonError::into_inner).insert(key, listed);
                        break;
                    }
                    Err(error) => self.history.note(now(), &format!("{key} cannot be read at the end: {error}")),
                }
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// Counts as a call for as long as it lives.
struct UnderWay(Arc<AtomicU64>);

impl UnderWay {
    fn begin(count: &Arc<AtomicU64>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
