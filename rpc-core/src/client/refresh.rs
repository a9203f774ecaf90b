//! Asks the cluster for its map again: one request at a time, at most one a second, never under a lock that calls use.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::shared::Shared;
use crate::call::Deadline;
use crate::cluster::view::ClusterView;
use crate::error::{Kind, RpcError};

/// Least time between two requests for the map: redirects patch single slots, so the whole map is rarely needed.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);

/// Longest wait for one node's map.
const PATIENCE: Duration = Duration::from_secs(2);

/// Refreshes the map if that is possible and due, and returns when the map is as new as it can be had. A node of a fixed cluster
/// has nothing to refresh.
pub(super) async fn ask_for_map(shared: &Arc<Shared>, deadline: Deadline) {
    if shared.here.is_some() {
        return;
    }
    let refreshing = async {
        let mut last = shared.refreshed.lock().await;
        let is_due = last.is_none_or(|last| last.elapsed() >= LEAST_INTERVAL);
        if is_due {
            *last = Some(Instant::now());
            if let Err(error) = fetch(shared).await {
                tracing::debug!(%error, "the map could not be refreshed");
            }
        }
    };
    let _late_is_no_matter = tokio::time::timeout_at(deadline.instant().into(), refreshing).await;
}

/// Reads the map from the first node that answers: known members first, then the addresses given at the start.
///
/// # Errors
/// [`Kind::Unavailable`], with what the last address said.
pub(super) async fn fetch(shared: &Shared) -> Result<(), RpcError> {
    let mut addresses: Vec<String> =
        shared.groups.all().iter().flat_map(|group| group.members()).map(|node| node.address).collect();
    addresses.extend(shared.seeds.iter().cloned());
    addresses.dedup();
    // Different clients ask different nodes first.
    let start = (shared.jitter() * addresses.len() as f64) as usize;
    let start = start.min(addresses.len().saturating_sub(1));
    addresses.rotate_left(start);
    let mut last = RpcError::new(Kind::Unavailable, "no address of the cluster is known");
    for address in addresses {
        match tokio::time::timeout(PATIENCE, shared.peers.transport().view(&address)).await {
            Ok(Ok(view)) => match install(shared, &view) {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            },
            Ok(Err(error)) => last = error,
            Err(_) => {
                last = RpcError::new(Kind::Unavailable, format!("{address} did not tell its map within {PATIENCE:?}"));
            }
        }
    }
    Err(last)
}

fn install(shared: &Shared, view: &ClusterView) -> Result<(), RpcError> {
    let known = shared.cluster.get_or_init(|| view.cluster.clone());
    if *known != view.cluster {
        let message = format!("node {} belongs to cluster {}, this client to {known}", view.node, view.cluster);
        return Err(RpcError::new(Kind::Unauthorised, message));
    }
    for (name, group) in &view.groups {
        shared.groups.get(name).install(group, None);
    }
    Ok(())
}
