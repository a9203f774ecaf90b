//! How a node becomes a member of a cluster: by a fixed list, or by a coordinator.

use std::path::PathBuf;
use std::sync::Arc;

use rpc_core::NodeId;
use rpc_core::clock::{BootClock, Clock};
use rpc_core::cluster::authority::Timing;
use rpc_core::cluster::controller::Pace;
use rpc_core::coordinator::Coordinator;
use rpc_core::coordinator::embedded::Embedded;
use rpc_core::limits::MAX_GROUPS;
use rpc_core::provider::authority::Authority;
use rpc_core::route::group::Group;
use rpc_core::route::groups::Groups;
use rpc_core::transport::http::coordinator::RemoteCoordinator;

use super::problem::Problem;
use crate::cluster::{LiveSettings, Planted};
use crate::coordinator::RedbJournal;

/// The file in a seed's folder that holds the coordinator's records.
const FILE: &str = "coordinator.redb";

/// Longest wait for a leaving node's slots to be moved away, unless configured: 16384 slots with some megabytes each take a few
/// seconds.
pub(super) const HAND_OVER: std::time::Duration = std::time::Duration::from_secs(30);

/// Where membership and slot maps are kept.
#[derive(Clone, Default)]
pub(super) enum Coordination {
    /// In the list of nodes that each of them is given.
    #[default]
    Fixed,
    /// In this node: in memory, or in a folder.
    Seed(Option<PathBuf>),
    /// In another node, that answers at one of these addresses.
    Join(Vec<String>),
    /// Somewhere else.
    Given(Arc<dyn Coordinator>),
}

/// What a node of a live cluster is told of its own place.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) weight: u32,
    pub(super) zone: Option<String>,
    pub(super) timing: Timing,
    pub(super) pace: Pace,
    pub(super) hand_over_time: std::time::Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: fn() -> u64,
    pub(super) planted: Option<Planted>,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            weight: 1,
            zone: None,
            timing: Timing::default(),
            pace: Pace::default(),
            hand_over_time: HAND_OVER,
            clock: Arc::new(BootClock),
            random,
            planted: None,
        }
    }
}

/// A random number from the operating system.
fn random() -> u64 {
    rpc_core::call::id::random()
}

/// A coordinator that is ready to be asked, and the one that this node holds, if it does.
pub(super) struct Coordinated {
    pub(super) settings: LiveSettings,
    pub(super) embedded: Option<Arc<Embedded>>,
}

impl Coordination {
    /// Opens or reaches for the coordinator; `None` in a fixed cluster.
    pub(super) fn open(self, place: Place) -> Result<Option<Coordinated>, Problem> {
        let clock = place.clock.clone();
        let seed = |embedded: Arc<Embedded>| (embedded.clone() as Arc<dyn Coordinator>, Some(embedded));
        let (coordinator, embedded): (Arc<dyn Coordinator>, _) = match self {
            Self::Fixed => return Ok(None),
            Self::Seed(None) => seed(Embedded::in_memory(clock.clone())),
            Self::Seed(Some(folder)) => {
                let unusable = |error: &dyn std::fmt::Display| Problem::Seed(format!("{}: {error}", folder.display()));
                std::fs::create_dir_all(&folder).map_err(|error| unusable(&error))?;
                let journal = RedbJournal::open(&folder.join(FILE)).map_err(|error| unusable(&error))?;
                let embedded = Embedded::with_journal(clock.clone(), Box::new(journal));
                seed(embedded.map_err(|error| unusable(&error))?)
            }
            Self::Join(addresses) => (Arc::new(RemoteCoordinator::new(&addresses).map_err(Problem::Client)?), None),
            Self::Given(coordinator) => (coordinator, None),
        };
        let Place { weight, zone, timing, pace, hand_over_time, clock, random, planted } = place;
        let settings = LiveSettings { coordinator, clock, weight, zone, timing, pace, hand_over_time, random, planted };
        Ok(Some(Coordinated { settings, embedded }))
    }
}

/// The groups of a node in a live cluster: empty until the records are read.
pub(super) fn groups(here: &NodeId) -> Arc<Groups> {
    let here = here.clone();
    Arc::new(Groups::new(MAX_GROUPS, move |name| Group::new(name).at(here.clone())))
}

/// Authority that the node gets and loses.
pub(super) fn leased(clock: &Arc<dyn Clock>) -> Authority {
    Authority::leased(clock.clone())
}
