//! Asks the cluster for its map again: one request at a time, at most one a second, never under a lock that calls use.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::shared::Shared;
use crate::call::Deadline;
use crate::cluster::fixed::{FIXED, FixedNodes};
use crate::cluster::view::{ClusterView, GroupView};
use crate::error::{Executed, Kind, RpcError};
use crate::service::linked_services;

/// Least time between two requests for the map: redirects patch single slots, so the whole map is rarely needed.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);

/// How long a call that can try elsewhere waits for a map: a round trip or two between nodes.
const BRIEFLY: Duration = Duration::from_millis(20);

/// Longest wait for one node's map.
const PATIENCE: Duration = Duration::from_secs(2);

/// Refreshes the map if that is possible and due, and returns when the map is as new as it can be had. A node of a fixed cluster
/// has nothing to refresh.
pub(super) async fn ask_for_map(shared: &Arc<Shared>, deadline: Deadline) {
    if shared.here.is_some() {
        return;
    }
    let asked = Instant::now();
    let refreshing = async {
        let mut ended = shared.refreshed.lock().await;
        // Whoever waited here while another's request went on takes its result.
        let is_due = ended.is_none_or(|ended| ended < asked && ended.elapsed() >= LEAST_INTERVAL);
        if is_due {
            if let Err(error) = fetch(shared).await {
                tracing::debug!(%error, "the map could not be refreshed");
            }
            *ended = Some(Instant::now());
        }
    };
    let _late_is_no_matter = tokio::time::timeout_at(deadline.instant().into(), refreshing).await;
}

/// As [`ask_for_map`], for a call that has something else to try: the request goes on without it, and it waits only briefly.
pub(super) async fn hint_for_map(shared: &Arc<Shared>, deadline: Deadline) {
    if shared.here.is_some() || shared.refreshed.try_lock().is_err() {
        return;
    }
    let refreshing = {
        let shared = shared.clone();
        tokio::spawn(async move { ask_for_map(&shared, deadline).await })
    };
    let _goes_on_without_us = tokio::time::timeout(BRIEFLY, refreshing).await;
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
    if view.coordinator == FIXED && view.groups.values().any(|group| !is_of(&view.cluster, group)) {
        let message =
            format!("the map that {} tells is not that of cluster {}: its nodes are others", view.node, view.cluster);
        return Err(RpcError::new(Kind::Protocol, message).with_executed(Executed::No));
    }
    let known = shared.cluster.get_or_init(|| view.cluster.clone());
    if *known != view.cluster {
        let message = format!("node {} belongs to cluster {}, this client to {known}", view.node, view.cluster);
        return Err(RpcError::new(Kind::Unauthorised, message));
    }
    // Only of groups that a client in this program can ask for: tables for all others would be a peer's to fill.
    let is_used = |name: &str| linked_services().any(|service| service.group == name);
    for (name, group) in view.groups.iter().filter(|(name, _)| is_used(name)) {
        shared.groups.get(name).install(group);
    }
    Ok(())
}

/// Whether the id of a fixed cluster is that of these nodes, so that one member can neither add nor re-point any.
fn is_of(cluster: &str, group: &GroupView) -> bool {
    let nodes = group.nodes.iter().map(|node| (node.address.as_str(), node.weight));
    let are_addresses = group.nodes.iter().all(|node| node.id.as_str() == node.address);
    are_addresses && FixedNodes::new(nodes).is_ok_and(|fixed| fixed.cluster_id() == cluster)
}
