//! Carries out what operators ask for.

use std::collections::BTreeMap;

use rpc_core::cluster::mirror::Mirror as Picture;
use rpc_core::cluster::operate::{self, Order, Preview};
use rpc_core::cluster::request::{Plan, PlannedMove, Refusal, Request};
use rpc_core::coordinator::Txn;

use super::joined::Joined;
use super::live::Live;
use super::orders::Orders;

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
            let order = |picture: &Picture, orders: &operate::Orders| {
                operate::move_slots(picture, orders, group, from, to, *slots as usize)
            };
            let (order, id) = Orders::take(&joined, self.settings.pace.moves_per_node, *dry_run, order)?;
            return Ok(planned(&order, id));
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

fn planned(order: &Order, id: Option<String>) -> Plan {
    let slots = u32::try_from(order.slots.len()).unwrap_or(u32::MAX);
    let one = PlannedMove { from: order.from.node.to_string(), to: order.to.node.to_string(), slots };
    Plan { moves: vec![one], message: format!("{slots} slots"), order: id }
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
    Plan { moves, message, order: None }
}

fn said(message: String) -> Plan {
    Plan { message, ..Plan::default() }
}
