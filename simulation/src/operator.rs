//! Somebody who never leaves the cluster alone: every tenth of a second an order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rpc_core::cluster::mirror::Mirror;
use rpc_core::cluster::moves::{self, MoveName};
use rpc_core::cluster::operate;
use rpc_core::cluster::records::{NodeRecord, Party, Standing, bucket_of};
use rpc_core::coordinator::{Coordinator, Txn};
use rpc_core::slot::Slot;
use tokio::time::sleep;

use crate::callers::keys;
use crate::chance;
use crate::coordinator::{Desk, FarCoordinator};
use crate::history::{History, now};

/// The group of the simulated service.
pub(crate) const GROUP: &str = "default";

/// Slots in a move, at most.
const SLOTS: u16 = 6;

/// Orders until told that it is over; then takes back what it has ordered. It sees all `records` at once, as if from above; what it
/// orders goes over the network.
pub(crate) async fn order(records: Arc<Desk>, history: History, is_over: Arc<AtomicBool>) {
    let mut number = 0;
    loop {
        sleep(chance::millis(50..150)).await;
        let done = is_over.load(Ordering::Relaxed);
        let mirror = records.picture();
        if done {
            let drained: Vec<_> = mirror.nodes().keys().filter(|node| mirror.is_drained(node)).cloned().collect();
            if drained.is_empty() {
                return;
            }
            for node in drained {
                run(operate::undrain(&mirror, node.as_str())).await;
            }
            continue;
        }
        number += 1;
        let nodes: Vec<&NodeRecord> = mirror.nodes().values().map(|seen| &seen.record).collect();
        if nodes.is_empty() {
            continue;
        }
        let node = nodes[chance::below(nodes.len())].id.as_str();
        match chance::below(1000) {
            0..20 if !mirror.nodes().keys().any(|node| mirror.is_drained(node)) => {
                history.note(now(), &format!("order: drain {node}"));
                run(operate::drain(&mirror, node)).await;
            }
            20..60 => {
                for node in mirror.nodes().keys().filter(|node| mirror.is_drained(node)) {
                    run(operate::undrain(&mirror, node.as_str())).await;
                }
            }
            60..80 => run(operate::weigh(&mirror, node, 1 + chance::below(3) as u32)).await,
            80..90 => run(operate::rebalance(&mirror, GROUP).map(|(_, txn)| txn)).await,
            90..110 => {
                history.note(now(), &format!("order: fence {node}"));
                run(operate::fence(&mirror, node)).await;
            }
            _ => {
                if let Some(txn) = a_move(&mirror, &nodes, number) {
                    run(Ok::<_, operate::Refusal>(txn)).await;
                }
            }
        }
    }
}

async fn run(txn: Result<Txn, operate::Refusal>) {
    if let Ok(txn) = txn {
        // Not done is as good: something else is ordered next.
        let _done_or_not = FarCoordinator.transact(txn).await;
    }
}

/// A move of a slot that is called, with some neighbours.
fn a_move(mirror: &Mirror, nodes: &[&NodeRecord], number: u64) -> Option<Txn> {
    let slot = Slot::of_text(chance::one_of(&keys()).as_bytes());
    let holding = mirror.holding(GROUP, slot)?;
    let party = |node: &NodeRecord| Party { node: node.id.clone(), incarnation: node.incarnation };
    let from = Party { node: holding.node.clone(), incarnation: holding.incarnation };
    let to = party(nodes[chance::below(nodes.len())]);
    if to.node == from.node {
        return None;
    }
    let wide = chance::below(usize::from(SLOTS)) as u16;
    let is_alike = |other: &Slot| {
        let holding = mirror.holding(GROUP, *other);
        holding.is_some_and(|other| other.incarnation == from.incarnation && other.state == Standing::Stable)
    };
    let near = (slot.get()..=slot.get() + wide).filter_map(Slot::new);
    let slots: Vec<Slot> = near.filter(|other| bucket_of(*other) == bucket_of(slot)).filter(is_alike).collect();
    let bucket = bucket_of(slot);
    let name = MoveName { group: GROUP.to_owned(), id: format!("ordered-{number}"), bucket };
    moves::plan(None, &name, mirror.bucket(GROUP, bucket)?, &slots, &from, &to)
}
