//! How a side of a move changes what is decided: read, compare-and-set, read what came of it.

use rpc_core::clock::Clock;
use rpc_core::cluster::moves::{MoveName, Observation};
use rpc_core::coordinator::{Coordinator, CoordinatorError, Txn};

/// Reads, runs the transaction that `build` makes of what was read, and gives what was read after it. When `build` makes none, what
/// was read stands.
///
/// # Errors
/// The coordinator's: whether the transaction was applied is then not known.
pub(super) async fn decide(
    coordinator: &dyn Coordinator,
    clock: &dyn Clock,
    name: &MoveName,
    build: impl Fn(&MoveName, &Observation) -> Option<Txn>,
) -> Result<Observation, CoordinatorError> {
    let outcome = coordinator.transact(Observation::query(name)).await?;
    let seen = Observation::of(name, &outcome, clock.now());
    let Some(txn) = build(name, &seen) else { return Ok(seen) };
    let outcome = coordinator.transact(txn).await?;
    Ok(Observation::of(name, &outcome, clock.now()))
}
