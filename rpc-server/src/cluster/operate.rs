//! Carries out what operators ask for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rpc_core::cluster::mirror::Mirror as Picture;
use rpc_core::cluster::operate::{self, Order, Preview};
use rpc_core::cluster::request::{Plan, PlannedMove, Refusal, Request};
use rpc_core::coordinator::Txn;
use tokio::time::timeout;

use super::joined::Joined;
use super::live::Live;

/// Longest time for the slots of one order: what has not moved by then is stuck, and an operator should look.
const ORDER: Duration = Duration::from_secs(600);

/// How often an order looks at the map, beside being told that it changed.
const LOOK: Duration = Duration::from_millis(500);

/// How often a request is decided anew when what its decision relied on has changed meanwhile: by then somebody else is changing the same
/// things all the time, and should be asked.
const TRIES: u32 = 4;

impl Live {
    /// Carries out a request, as far as that is one step; slots move in the background.
    ///
    /// # Errors
    /// Why not. Nothing was changed then.
    pub(crate) async fn operate(&self, request: &Request) -> Result<Plan, Refusal> {
        let refuse = |error: String| Refusal { error };
        let current = self.current();
        let joined = current.ok_or_else(|| refuse("this node is not a member of its cluster".to_owned()))?.joined;
        if let Request::Move { group, from, to, slots, dry_run } = request {
            let order = operate::move_slots(&joined.picture(), group, from, to, *slots as usize);
            let order = order.map_err(|refusal| refuse(refusal.to_string()))?;
            let plan = planned(&order);
            if !dry_run {
                tokio::spawn(carry_out(joined.clone(), order, self.settings.pace.moves_per_node));
            }
            return Ok(plan);
        }
        for _ in 0..TRIES {
            let decided = decide(&joined.picture(), request).map_err(|refusal| refuse(refusal.to_string()))?;
            let (plan, Some(txn)) = decided else { return Ok(decided.0) };
            if tell(&joined, txn).await? {
                return Ok(plan);
            }
        }
        Err(refuse("the cluster has changed meanwhile: look again, and ask again".to_owned()))
    }
}

/// What is answered to a request that is one transaction, and that transaction, unless nothing is to be done.
fn decide(picture: &Picture, request: &Request) -> Result<(Plan, Option<Txn>), operate::Refusal> {
    let (plan, txn) = match request {
        Request::Rebalance { group, dry_run } => {
            let (previews, txn) = operate::rebalance(picture, group)?;
            return Ok((previewed(&previews), (!dry_run).then_some(txn)));
        }
        Request::Drain { node, on: true } => (
            said(format!("{node} is drained: its slots move to the others, and it gets no new ones")),
            operate::drain(picture, node)?,
        ),
        Request::Drain { node, on: false } => {
            (said(format!("{node} may have slots again")), operate::undrain(picture, node)?)
        }
        Request::Weight { node, weight } => {
            (said(format!("{node} has weight {weight}")), operate::weigh(picture, node, *weight)?)
        }
        Request::Fence { node } => (
            said(format!("{node} never executes again; its slots get other owners, and what only it held is lost")),
            operate::fence(picture, node)?,
        ),
        // Slots are ordered, which is more than one transaction.
        Request::Move { .. } => return Ok((Plan::default(), None)),
    };
    Ok((plan, Some(txn)))
}

/// Runs an operator's transaction. False if what it relied on is not so any more; the picture is then newer than that.
async fn tell(joined: &Joined, txn: Txn) -> Result<bool, Refusal> {
    match joined.coordinator().transact(txn).await {
        Ok(outcome) => {
            joined.catch_up(outcome.revision).await;
            Ok(outcome.applied)
        }
        Err(error) => {
            Err(Refusal { error: format!("{error}; whether it was done is not known: look before asking again") })
        }
    }
}

/// Plans the moves of an order, some at a time, until there is nothing left to plan.
async fn carry_out(joined: Arc<Joined>, order: Order, moves_per_node: usize) {
    let mut pictures = joined.pictures();
    let all = async {
        loop {
            let picture = pictures.borrow_and_update().clone();
            let progress = operate::proceed(&picture, &order, moves_per_node);
            if progress.moving == 0 && progress.waiting == 0 {
                tracing::info!(done = progress.done, given_up = progress.given_up, "an operator's move is over");
                return;
            }
            let mut seen = 0;
            for txn in progress.txns {
                match joined.coordinator().transact(txn).await {
                    Ok(outcome) => seen = outcome.revision,
                    Err(error) => tracing::warn!(%error, "an operator's move waits for the coordinator"),
                }
            }
            joined.catch_up(seen).await;
            let _told_or_not = timeout(LOOK, pictures.changed()).await;
        }
    };
    if timeout(ORDER, all).await.is_err() {
        tracing::warn!("an operator's move was given up: not all its slots could be moved");
    }
}

fn planned(order: &Order) -> Plan {
    let slots = u32::try_from(order.slots.len()).unwrap_or(u32::MAX);
    let one = PlannedMove { from: order.from.node.to_string(), to: order.to.node.to_string(), slots };
    Plan { moves: vec![one], message: format!("{slots} slots") }
}

fn previewed(previews: &[Preview]) -> Plan {
    let mut sums: BTreeMap<(String, String), u32> = BTreeMap::new();
    for preview in previews {
        let slots = u32::try_from(preview.slots.len()).unwrap_or(u32::MAX);
        *sums.entry((preview.from.to_string(), preview.to.to_string())).or_default() += slots;
    }
    let total: u32 = sums.values().sum();
    let moves = sums.into_iter().map(|((from, to), slots)| PlannedMove { from, to, slots }).collect();
    let message =
        if total == 0 { "the slots are spread as they should be".to_owned() } else { format!("{total} slots") };
    Plan { moves, message }
}

fn said(message: String) -> Plan {
    Plan { moves: Vec::new(), message }
}
