//! Asks the cluster for its map again: one request at a time, at most one a second, never under a lock that calls use.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::shared::Shared;
use crate::call::Deadline;
use crate::cluster::fixed::{FIXED, FixedNodes};
use crate::cluster::view::{ClusterView, GroupView};
use crate::error::{Executed, Kind, RpcError};
use crate::service::linked_services;

/// Least time between two requests for the map: redirects patch single slots, so the whole map is rarely needed.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);

/// Least time between two requests of calls that cannot go on without a newer map, because a node that it names is gone.
const LEAST_INTERVAL_OF_LOST: Duration = Duration::from_millis(100);

/// How long a call that can try elsewhere waits for a map: a round trip or two between nodes.
const BRIEFLY: Duration = Duration::from_millis(20);

/// Longest wait for one node's map.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the first request for a map is made again to nodes that have yet to find their cluster.
const JOINING: Duration = Duration::from_secs(5);

/// The wait between two such requests.
const JOINING_RETRY_AFTER: Duration = Duration::from_millis(100);

/// Refreshes the map if that is possible and due, and returns when the map is as new as it can be had. A node need not ask: one of
/// a fixed cluster has nothing to refresh, and any other is told. A caller that `must` have a newer one waits until the last is old enough
/// for another question.
pub(super) async fn ask_for_map(shared: &Arc<Shared>, deadline: Deadline, must: bool) {
    let _late_is_no_matter = tokio::time::timeout_at(deadline.instant(), refresh(shared, must)).await;
}

/// Asks for the map in the background, if it is due and nobody else does.
pub(super) fn hint(shared: &Arc<Shared>) {
    if shared.here.is_some() || shared.refreshed.try_lock().is_ok_and(|ended| !is_due(*ended)) {
        return;
    }
    let shared = shared.clone();
    tokio::spawn(async move { refresh(&shared, false).await });
}

/// Learns what there is to learn before a call that failed with `error` is tried again. A node that cannot be reached may have left:
/// in a live cluster the call waits for a map that is newer than its failure. In a fixed one there is something else to try, or
/// nothing: the call waits only briefly.
pub(super) async fn after_failure(shared: &Arc<Shared>, error: &RpcError, deadline: Deadline) {
    if shared.here.is_some() {
        return;
    }
    let is_gone = matches!(error.kind(), Kind::Unavailable | Kind::ShuttingDown | Kind::ConnectionLost);
    let must = is_gone && shared.is_live.load(Ordering::Relaxed);
    let refreshing = {
        let shared = shared.clone();
        tokio::spawn(async move { refresh(&shared, must).await })
    };
    let patience = if must { LEAST_INTERVAL_OF_LOST + PATIENCE } else { BRIEFLY };
    let _goes_on_without_us = tokio::time::timeout(patience.min(deadline.remaining()), refreshing).await;
}

/// Asks for the map, unless somebody else's request ended after this one began, or the last one is too young. Then it returns, or
/// waits until it is not if it `must`.
async fn refresh(shared: &Arc<Shared>, must: bool) {
    if shared.here.is_some() {
        return;
    }
    let asked = Instant::now();
    // Whoever waits here while another's request goes on takes its result.
    let mut ended = shared.refreshed.lock().await;
    if ended.is_some_and(|ended| ended >= asked) {
        return;
    }
    if !is_due(*ended) {
        if !must {
            return;
        }
        let young = ended.map_or(Duration::ZERO, |ended| ended.elapsed());
        tokio::time::sleep(LEAST_INTERVAL_OF_LOST.saturating_sub(young)).await;
    }
    if let Err(error) = fetch(shared).await {
        tracing::debug!(%error, "the map could not be refreshed");
    }
    *ended = Some(Instant::now());
}

fn is_due(ended: Option<Instant>) -> bool {
    ended.is_none_or(|ended| ended.elapsed() >= LEAST_INTERVAL)
}

/// Reads the map for the first time. Nodes that have yet to find their cluster are asked again for a while: a program that starts a
/// node and a client of it starts both at once.
///
/// # Errors
/// As [`fetch`].
pub(super) async fn first(shared: &Shared) -> Result<(), RpcError> {
    let until = Instant::now() + JOINING;
    loop {
        match fetch(shared).await {
            Err(error) if error.kind() == Kind::Recovering && Instant::now() < until => {
                tokio::time::sleep(JOINING_RETRY_AFTER).await;
            }
            ended => return ended,
        }
    }
}

/// Reads the map from the first node that answers: known members first, then the addresses given at the start.
///
/// # Errors
/// What the last address said: [`Kind::Unavailable`] if it could not be reached, [`Kind::Recovering`] if its node has yet to find its
/// cluster.
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
            Ok(Err(error)) => last = naming(&address, error),
            Err(_) => {
                last = RpcError::new(Kind::Unavailable, format!("{address} did not tell its map within {PATIENCE:?}"));
            }
        }
    }
    Err(last)
}

/// The same error, with the address in its text if that does not say it yet.
fn naming(address: &str, error: RpcError) -> RpcError {
    if error.message().contains(address) {
        return error;
    }
    let message = format!("{address}: {}", error.message());
    error.with_message(message)
}

fn install(shared: &Shared, view: &ClusterView) -> Result<(), RpcError> {
    if view.cluster.is_empty() {
        // Its map is nobody's yet, and to take its word would keep this client out of the cluster that the node is about to find.
        let message = format!("node {} has not joined its cluster yet", view.node);
        return Err(RpcError::new(Kind::Recovering, message).with_retry_after(JOINING_RETRY_AFTER));
    }
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
    shared.is_live.store(view.coordinator != FIXED, Ordering::Relaxed);
    // Only of groups that a client in this program can ask for: tables for all others would be a peer's to fill.
    let is_used = |name: &str| linked_services().any(|service| service.group == name) || shared.groups.has(name);
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
