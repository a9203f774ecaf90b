//! Leads when nobody else does: asks the controller what is to be done, and does it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rpc_core::cluster::authority::Timing;
use rpc_core::cluster::controller::{self, Controller, Held, Intent, Pace, Plan, Sight};
use rpc_core::cluster::mirror::Mirror as Picture;
use rpc_core::cluster::records::{LEADER, Party};
use rpc_core::coordinator::mirror::Status;
use rpc_core::coordinator::{CoordinatorError, Revision};
use tokio::time::{sleep, timeout};

use super::joined::Joined;
use super::refusals::Refusals;

/// Longest time that a node which does not lead goes without looking whether somebody does.
const LOOK: Duration = Duration::from_secs(1);

/// Least time between two plans: changes come in bursts, and each plan looks at every slot.
const LEAST_INTERVAL: Duration = Duration::from_millis(20);

/// One node's readiness to lead.
pub(super) struct Lead {
    pub(super) joined: Arc<Joined>,
    pub(super) timing: Timing,
    pub(super) pace: Pace,
    /// The lease of the node's record: who is not there does not lead.
    pub(super) lease: Arc<AtomicU64>,
}

/// Since when the coordinator has been in reach, as far as it was looked at.
struct Touch {
    since: Duration,
    is_broken: bool,
}

impl Touch {
    /// It counts from the first look after the records have been listed anew: what that list told is no sign of life since.
    fn look(&mut self, joined: &Joined) {
        let was_broken = self.is_broken;
        self.is_broken = !matches!(joined.mirror.status(), Status::Current);
        if was_broken || self.is_broken {
            self.since = joined.clock().now();
        }
    }
}

impl Lead {
    /// Leads when it falls to this node, for as long as it is polled.
    pub(super) async fn run(self) {
        let mut pictures = self.joined.pictures();
        let mut touch = Touch { since: self.joined.clock().now(), is_broken: false };
        loop {
            let picture = pictures.borrow_and_update().clone();
            let me = self.joined.incarnation();
            if picture.fence(me).is_some() {
                // Whoever may not execute does not plan either. What it was ends with its beats.
                return std::future::pending().await;
            }
            match controller::term(me, &picture) {
                Some(term) => self.lead(term, &mut touch).await,
                None if picture.meta().is_some() => self.claim(&picture).await,
                None => {}
            }
            touch.look(&self.joined);
            let _looks_anyway = timeout(LOOK, pictures.changed()).await;
        }
    }

    async fn claim(&self, picture: &Picture) {
        let me = Party { node: self.joined.me.clone(), incarnation: self.joined.incarnation() };
        let lease = self.lease.load(Ordering::Acquire);
        let Some(txn) = controller::claim(&me, lease, picture) else { return };
        match self.joined.coordinator().transact(txn).await {
            Ok(outcome) if outcome.applied => {
                if let Some(nobody) = before(picture) {
                    tracing::warn!("{nobody}: it is replaced");
                }
                tracing::info!(node = %me.node, "this node plans from now on");
                self.joined.catch_up(outcome.revision).await;
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "nobody leads yet"),
        }
    }

    /// Plans and acts until another one leads.
    async fn lead(&self, term: Revision, touch: &mut Touch) {
        let mut controller = Controller::new(self.timing, self.pace);
        let mut pictures = self.joined.pictures();
        let mut held: Vec<Held> = Vec::new();
        let mut refusals = Refusals::default();
        loop {
            sleep(LEAST_INTERVAL).await;
            let picture = pictures.borrow_and_update().clone();
            let me = self.joined.incarnation();
            if picture.fence(me).is_some() {
                return;
            }
            if controller::term(me, &picture) != Some(term) {
                match controller::leads(&picture) {
                    Some(leader) => tracing::info!(node = %leader.node, "another node plans from now on"),
                    None => tracing::warn!(
                        "this node's leadership is gone from the records: it plans no more unless it is the next"
                    ),
                }
                return;
            }
            touch.look(&self.joined);
            let now = self.joined.clock().now();
            let plan = controller.plan(&Sight { mirror: &picture, term, now, reachable_since: touch.since });
            for news in plan.held.iter().filter(|news| !held.contains(news)) {
                tracing::warn!(why = %news, "the controller holds back");
            }
            held.clone_from(&plan.held);
            let look_again = plan.look_again.saturating_sub(now);
            match self.act(plan, now, &mut refusals).await {
                Ok(Some(revision)) => self.joined.catch_up(revision).await,
                Ok(None) => _ = timeout(look_again.min(LOOK), pictures.changed()).await,
                Err(error) => {
                    tracing::warn!(%error, "the controller's plan was not carried out");
                    touch.since = self.joined.clock().now();
                    _ = timeout(LOOK, pictures.changed()).await;
                }
            }
        }
    }

    /// Runs the plan's transactions, but for those that must wait since they were refused; gives the highest revision that they were
    /// answered with.
    async fn act(
        &self,
        plan: Plan,
        now: Duration,
        refusals: &mut Refusals,
    ) -> Result<Option<Revision>, CoordinatorError> {
        let mut highest = None;
        refusals.keep(&plan.actions);
        for action in plan.actions {
            if !refusals.may(&action.intent, now) {
                continue;
            }
            let outcome = self.joined.coordinator().transact(action.txn).await?;
            tell(&action.intent, outcome.applied);
            let intent = action.intent;
            if let Some(times) = refusals.note(&intent, outcome.applied, now) {
                tracing::warn!(?intent, times, "what the controller means to do is refused again and again");
            }
            highest = highest.max(Some(outcome.revision));
        }
        Ok(highest)
    }
}

/// What stands in the place of a leader and is none, for the log.
fn before(picture: &Picture) -> Option<String> {
    if picture.is_unreadable(LEADER) {
        return Some("the record of who plans cannot be read".to_owned());
    }
    let leader = &picture.leader()?.record;
    Some(format!("{:?} ({}) should plan and is not there", leader.node.as_str(), leader.incarnation))
}

/// What the controller did, for the log.
fn tell(intent: &Intent, applied: bool) {
    match intent {
        Intent::Fence(party) if applied => {
            tracing::warn!(node = %party.node, incarnation = %party.incarnation, "a node is given up: it never executes again");
        }
        Intent::TakeOver { group, bucket, slots } if applied => {
            tracing::warn!(group, bucket, slots, "slots of a node that is gone get another owner");
        }
        _ => tracing::debug!(?intent, applied, "the controller acted"),
    }
}
