//! How a side of a move changes what is decided: compare-and-set on what was seen, and read what came of it.

use rpc_core::clock::Clock;
use rpc_core::cluster::moves::{MoveName, Observation};
use rpc_core::coordinator::{Coordinator, CoordinatorError, Txn};

/// Runs the transaction that `build` makes of `seen`, and gives what was read after it. What was seen may be old: then nothing is
/// applied, and what is read tells so. When `build` makes no transaction, this only reads.
///
/// # Errors
/// The coordinator's: whether the transaction was applied is then not known.
pub(super) async fn decide(
    coordinator: &dyn Coordinator,
    clock: &dyn Clock,
    name: &MoveName,
    seen: &Observation,
    build: impl Fn(&MoveName, &Observation) -> Option<Txn>,
) -> Result<Observation, CoordinatorError> {
    let txn = build(name, seen).unwrap_or_else(|| Observation::query(name));
    let outcome = coordinator.transact(txn).await?;
    Ok(Observation::of(name, &outcome, clock.now()))
}
