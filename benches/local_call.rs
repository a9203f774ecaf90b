//! What a call costs that stays on its node, beside the same call through a plain `Arc<dyn …>`.
//!
//! The ways are taken in turn, round after round; the figure is the median over the rounds, in nanoseconds of the thread's CPU
//! time, which other work on the machine does not lengthen as it does the time on the wall.

use std::hint::black_box;
use std::time::Duration;

use rpc_core::route::cells::Cells;
use rpc_core::route::key::slot_of;
use rpc_core::route::map::{Ownership, SlotMap};
use rpc_core::slot::Slot;
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::{Builder, Runtime};
use wherever::{Membership, Node, RpcError, StartError};
use wherever_benches::{Lengths, LengthsClient, Provider, direct, keys, live_node, node};

/// Rounds over all ways, unless an argument says how many: `cargo bench --bench local_call -- 5`.
const ROUNDS: usize = 41;

/// Passes over the keys in one measurement: some milliseconds of the slowest way.
const PASSES: usize = 200;

/// Something measured: its name, and what runs it once for each key.
struct Way<'a>(&'static str, Run<'a>);

type Run<'a> = Box<dyn FnMut(&[String]) + 'a>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (node, direct, keys) = (node()?, direct(), keys());
    let in_cluster: LengthsClient = node.client();
    let of_value = LengthsClient::local(Provider);
    // On threads of its own: its beats must go on while this one does nothing but call.
    let threads = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (live, _membership) = threads.block_on(async { live_member().await })?;
    let in_live: LengthsClient = live.client();
    let mut calls = [
        calls("call through Arc<dyn …>", &runtime, async |key| direct.length(key).await),
        calls("client of a local value: context, guard", &runtime, async |key| of_value.length(key).await),
        calls("client in a cluster, call stays: and hash, slot, counts", &runtime, async |key| {
            in_cluster.length(key).await
        }),
        calls("client in a live cluster, call stays: and authority", &runtime, async |key| in_live.length(key).await),
    ];
    let costs = medians(&mut calls, &keys);
    println!("| a call | ns | above the direct one |\n|---|---|---|");
    for (Way(name, _), ns) in calls.iter().zip(&costs) {
        println!("| {name} | {ns:.1} | {:.1} |", ns - costs[0]);
    }
    let (map, cells) = owned_slots();
    let slots: Vec<Slot> = keys.iter().map(|key| Slot::of_text(key.as_bytes())).collect();
    let mut parts = [
        part("slot of a 16-byte key", |keys| keys.iter().for_each(|key| drop(black_box(slot_of(black_box(key)))))),
        part("slot map read", |_| slots.iter().for_each(|slot| _ = black_box(map.get(black_box(*slot))))),
        part("slot entered and left", |_| slots.iter().for_each(|slot| drop(black_box(cells.enter(black_box(*slot)))))),
    ];
    let costs = medians(&mut parts, &keys);
    println!("\n| a part of it | ns |\n|---|---|");
    for (Way(name, _), ns) in parts.iter().zip(&costs) {
        println!("| {name} | {ns:.1} |");
    }
    Ok(())
}

/// A node that is a member and serves its slots.
async fn live_member() -> Result<(Node, Membership), StartError> {
    let node = live_node()?;
    let membership = node.start();
    let client: LengthsClient = node.client();
    // Calls wait for the slots; the first ones may come before anybody has them.
    while client.length("a key").await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok((node, membership))
}

fn calls<'a>(
    name: &'static str,
    runtime: &'a Runtime,
    call: impl AsyncFn(&str) -> Result<usize, RpcError> + 'a,
) -> Way<'a> {
    Way(
        name,
        Box::new(move |keys| {
            runtime.block_on(async {
                for key in keys {
                    // A call that fails would be measured as a fast one.
                    assert_eq!(call(black_box(key)).await.ok(), Some(16));
                }
            });
        }),
    )
}

fn part<'a>(name: &'static str, run: impl FnMut(&[String]) + 'a) -> Way<'a> {
    Way(name, Box::new(run))
}

/// A map and cells in which every slot is this node's.
fn owned_slots() -> (SlotMap, Cells) {
    let (map, cells) = (SlotMap::new(), Cells::new());
    for slot in Slot::all() {
        map.advance(slot, Ownership { owner: 0, epoch: 1 });
        cells.open(slot);
    }
    (map, cells)
}

/// Nanoseconds per key of each way.
fn medians(ways: &mut [Way<'_>], keys: &[String]) -> Vec<f64> {
    let rounds = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(ROUNDS).max(1);
    let mut figures = vec![Vec::new(); ways.len()];
    for _ in 0..rounds {
        for (Way(_, run), figures) in ways.iter_mut().zip(&mut figures) {
            let before = cpu();
            (0..PASSES).for_each(|_| run(keys));
            figures.push((cpu() - before).as_secs_f64() * 1e9 / (PASSES * keys.len()) as f64);
        }
    }
    figures
        .into_iter()
        .map(|mut figures| {
            figures.sort_by(f64::total_cmp);
            figures[rounds / 2]
        })
        .collect()
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
