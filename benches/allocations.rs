//! A call that stays on its node allocates its provider's future and nothing else.
//!
//! It is alone in its program, since every allocation of the process counts.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use wherever::RpcError;
use wherever_benches::{Lengths, LengthsClient, Provider, direct, keys, node};

/// How often everything is counted.
const ROUNDS: usize = 5;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_call_that_stays_allocates_its_providers_future_and_nothing_else() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (node, direct, keys) = (node()?, direct(), keys());
    let in_cluster: LengthsClient = node.client();
    let of_value = LengthsClient::local(Provider);
    // The test harness has a thread of its own: the least of several counts is that of the calls alone.
    let mut counts = [[usize::MAX; 3]; ROUNDS];
    for count in &mut counts {
        *count = runtime.block_on(async {
            [
                counted(&keys, async |key| direct.length(key).await).await,
                counted(&keys, async |key| of_value.length(key).await).await,
                counted(&keys, async |key| in_cluster.length(key).await).await,
            ]
        });
    }
    let least = |way: usize| counts.iter().map(|count| count[way]).min();
    assert_eq!([least(0), least(1), least(2)], [Some(keys.len()); 3], "through an Arc<dyn …>, to a value, on a node");
    Ok(())
}

/// Allocations of one call for each key, after a first one that sets up what is kept.
async fn counted(keys: &[String], call: impl AsyncFn(&str) -> Result<usize, RpcError>) -> usize {
    assert!(call(&keys[0]).await.is_ok());
    let region = Region::new(ALLOCATOR);
    for key in keys {
        assert!(call(key).await.is_ok());
    }
    let change = region.change();
    change.allocations + change.reallocations
}
