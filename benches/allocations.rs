//! A call that stays on its node allocates its provider's future and nothing else.
//!
//! A program of its own without the test harness, whose threads would be counted too.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use wherever::RpcError;
use wherever_benches::{Lengths, LengthsClient, Provider, direct, keys, node};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (node, direct, keys) = (node()?, direct(), keys());
    let in_cluster: LengthsClient = node.client();
    let of_value = LengthsClient::local(Provider);
    let by_hand = runtime.block_on(count(&keys, async |key| direct.length(key).await));
    let to_value = runtime.block_on(count(&keys, async |key| of_value.length(key).await));
    let to_node = runtime.block_on(count(&keys, async |key| in_cluster.length(key).await));
    println!("allocations of {} calls: Arc<dyn …> {by_hand}, local value {to_value}, own node {to_node}", keys.len());
    assert_eq!((by_hand, to_value, to_node), (keys.len(), keys.len(), keys.len()));
    Ok(())
}

/// Allocations of one call for each key, after a first one that sets up what is kept.
async fn count(keys: &[String], call: impl AsyncFn(&str) -> Result<usize, RpcError>) -> usize {
    assert!(call(&keys[0]).await.is_ok());
    let region = Region::new(ALLOCATOR);
    for key in keys {
        assert!(call(key).await.is_ok());
    }
    let change = region.change();
    change.allocations + change.reallocations
}
