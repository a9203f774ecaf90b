//! What all clients of one program share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::acknowledge;
use super::counts::Counts;
use super::lanes::Lanes;
use crate::call::id::{Session, mixed};
use crate::provider::here::{Here, Settings};
use crate::route::balance::Balance;
use crate::route::groups::Groups;
use crate::transport::peers::Peers;

/// Everything the clients of one program share.
pub(crate) struct Shared {
    pub(crate) here: Option<Arc<Here>>,
    pub(crate) groups: Arc<Groups>,
    pub(crate) peers: Peers,
    pub(super) lanes: Lanes,
    pub(crate) session: Session,
    pub(crate) counts: Counts,
    pub(crate) balance: Balance,
    pub(crate) settings: Settings,
    pub(crate) force_remote: bool,
    pub(crate) seeds: Vec<String>,
    pub(crate) cluster: Arc<OnceLock<String>>,
    /// When the map was last asked for. The lock is the queue of those who wait for the one request; calls that know their way
    /// never take it.
    pub(crate) refreshed: Mutex<Option<Instant>>,
    pub(crate) noise: AtomicU64,
    /// The last map was a live cluster's.
    pub(crate) is_live: AtomicBool,
    /// A task tells nodes which answers have arrived, when it is time.
    pub(crate) acknowledges: AtomicBool,
}

impl Shared {
    /// Whether owners may change while a call waits: not on a node of a fixed cluster.
    pub(crate) fn can_learn(&self) -> bool {
        self.here.as_ref().is_none_or(|here| here.authority.is_leased())
    }

    /// A random fraction from 0 to 1, good enough to part callers who failed together.
    pub(crate) fn jitter(&self) -> f64 {
        let mixed = mixed(0, self.noise.fetch_add(1, Ordering::Relaxed));
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Drop for Shared {
    /// Nobody is left to ask for an answer again.
    fn drop(&mut self) {
        acknowledge::farewell(self);
    }
}
