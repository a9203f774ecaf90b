//! Carries out the moves that operators ordered of this node, and tells how far they are.
//!
//! An order lives as long as the incarnation that took it: whoever waits for it reads from the node's view whether it still is one of its.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rpc_core::cluster::mirror::Mirror as Picture;
use rpc_core::cluster::operate::{self, Order, Progress};
use rpc_core::cluster::request::Refusal;
use rpc_core::cluster::view::OrderView;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::joined::Joined;

/// Longest time for the slots of one order: what has not moved by then is stuck, and an operator should look.
const ORDER: Duration = Duration::from_secs(600);

/// How often an order looks at the map, beside being told that it changed.
const LOOK: Duration = Duration::from_millis(500);

/// Most orders that are told of after they are over: an operator looks five times a second at the one that it waits for.
const MAX_OVER: usize = operate::MAX_ORDERS;

/// The orders of one incarnation.
#[derive(Debug, Default)]
pub(super) struct Orders(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    orders: operate::Orders,
    tasks: BTreeMap<u64, AbortHandle>,
    /// Those that are over, as they ended, the newest last.
    over: VecDeque<OrderView>,
    /// Whether the incarnation is over.
    is_closed: bool,
}

impl Orders {
    /// Decides with `order` what is to be moved, which sees the orders that are under way, and begins to move it unless that is a dry
    /// run. Gives the order and the id under which it is told of.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn take(
        joined: &Arc<Joined>,
        moves_per_node: usize,
        dry_run: bool,
        order: impl FnOnce(&Picture, &operate::Orders) -> Result<Order, operate::Refusal>,
    ) -> Result<(Order, Option<String>), Refusal> {
        // From the decision to the entry: no other order must come between. Nothing is waited for meanwhile.
        let mut book = joined.orders.lock();
        let refused = |refusal: operate::Refusal| Refusal { error: refusal.to_string() };
        if book.is_closed {
            return Err(Refusal { error: "this node is a member of its cluster no more".to_owned() });
        }
        let order = order(&joined.picture(), &book.orders).map_err(refused)?;
        if dry_run {
            return Ok((order, None));
        }
        let number = book.orders.take(order.clone()).map_err(refused)?;
        let task = tokio::spawn(carry_out(joined.clone(), number, order.clone(), moves_per_node));
        book.tasks.insert(number, task.abort_handle());
        Ok((order, Some(id(joined, number))))
    }

    /// What is told of the orders under way and of those that are over.
    pub(super) fn views(&self, joined: &Joined, picture: &Picture) -> Vec<OrderView> {
        let book = self.lock();
        let under_way = book.orders.iter().map(|(number, order)| {
            let progress = operate::proceed(picture, order, 0);
            view(id(joined, number), order, &progress, false)
        });
        book.over.iter().cloned().chain(under_way).collect()
    }

    /// The incarnation is over, and its orders with it.
    pub(super) fn close(&self) {
        let mut book = self.lock();
        book.is_closed = true;
        std::mem::take(&mut book.tasks).into_values().for_each(|task| task.abort());
    }

    fn end(&self, number: u64, ended: OrderView) {
        let mut book = self.lock();
        book.orders.end(number);
        book.tasks.remove(&number);
        if book.over.len() >= MAX_OVER {
            book.over.pop_front();
        }
        book.over.push_back(ended);
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Plans the moves of an order, some at a time, until there is nothing left to plan.
async fn carry_out(joined: Arc<Joined>, number: u64, order: Order, moves_per_node: usize) {
    let mut pictures = joined.pictures();
    let all = async {
        loop {
            let picture = pictures.borrow_and_update().clone();
            let progress = operate::proceed(&picture, &order, moves_per_node);
            if progress.is_over() {
                return progress;
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
    let progress = timeout(ORDER, all).await.unwrap_or_else(|_| {
        tracing::warn!("an operator's move was given up: not all its slots could be moved");
        let late = operate::proceed(&joined.picture(), &order, 0);
        Progress { why: Some(format!("the time for an order, {} s, is up", ORDER.as_secs())), ..late }
    });
    let Progress { done, elsewhere, given_up, .. } = progress;
    tracing::info!(done, elsewhere, given_up, why = progress.why, "an operator's move is over");
    joined.orders.end(number, view(id(&joined, number), &order, &progress, true));
}

/// Never given twice, also when the node starts anew.
fn id(joined: &Joined, number: u64) -> String {
    format!("{}-{number}", joined.incarnation())
}

fn view(id: String, order: &Order, progress: &Progress, over: bool) -> OrderView {
    let count = |slots: usize| u32::try_from(slots).unwrap_or(u32::MAX);
    OrderView {
        id,
        group: order.group.clone(),
        from: order.from.node.clone(),
        to: order.to.node.clone(),
        slots: count(order.slots.len()),
        arrived: count(progress.done),
        elsewhere: count(progress.elsewhere),
        stays: count(progress.given_up + if over { progress.moving + progress.waiting } else { 0 }),
        why: progress.why.clone(),
        over,
    }
}
