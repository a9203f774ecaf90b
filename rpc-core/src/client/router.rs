//! Takes a call to the node that is to run it: finds the owner, follows redirects, waits, retries.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::acknowledge;
use super::refresh;
use super::retry::{ASK_AGAIN_WITHIN, Retry, Step, Told};
use super::routed::Routed;
use super::shared::Shared;
use crate::call::{Call, Caller, Reply, Target};
use crate::error::{Executed, Kind, RpcError};
use crate::node::{NodeId, NodeInfo};
use crate::provider::here::LocalDispatch;
use crate::route::group::Group;
use crate::service::{MethodDescriptor, Routing};
use crate::transport::peers::Peer;

/// Redirected slots from which on the whole map is asked for: one patched slot needs no map, and a node that joins takes thousands.
const MANY_REDIRECTED: usize = 8;

/// The caller behind every client of a cluster.
pub struct Router(pub(super) Arc<Shared>);

/// Where one try goes.
pub(super) enum Place {
    Here(LocalDispatch),
    Peer(Arc<Peer>),
}

/// A first try that has failed.
pub(super) struct Failed {
    pub(super) error: RpcError,
    pub(super) place: Place,
    /// When it was sent, if it was.
    pub(super) sent: Option<Instant>,
}

impl Caller for Router {
    fn takes_compact(&self, method: &MethodDescriptor, target: &Target) -> bool {
        if let Target::Slot(slot) = target
            && let Some((way, _)) = self.0.lanes.find(&self.0, method.group, *slot)
        {
            return way.peer.takes_compact(method, target);
        }
        let group = self.0.groups.get(method.group);
        let node = match target {
            Target::Slot(slot) => group.owner(*slot).map(|owner| owner.node),
            Target::Node(id, _) => group.member(id),
            // Whichever it will be.
            Target::Any | Target::All => {
                return group.members().iter().all(|node| self.at(node).takes_compact(method, target));
            }
        };
        node.is_some_and(|node| self.at(&node).takes_compact(method, target))
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Result<Reply, RpcError>> {
        Box::pin(Routed::new(self, call))
    }
}

impl Router {
    /// Tries until there is an answer or a final error, after a first try that has failed, if there was one.
    pub(super) async fn go_on(&self, call: Call, failed: Option<Failed>) -> Result<Reply, RpcError> {
        let mut worst = None;
        // What one try may have done, no later refusal undoes.
        self.call_one(call, failed, &mut worst).await.map_err(|error| over_all_tries(error, worst))
    }

    /// Tries until there is an answer or a final error, in no case beyond the deadline. `worst` is the failure of the try that may
    /// have done most.
    async fn call_one(
        &self,
        mut call: Call,
        failed: Option<Failed>,
        worst: &mut Option<RpcError>,
    ) -> Result<Reply, RpcError> {
        let group = self.0.groups.get(call.method.group);
        let mut retry = Retry::new(call.method.repeatable(), self.0.can_learn()).recorded(call.method.is_recorded());
        let began = failed.as_ref().and_then(|failed| failed.sent).unwrap_or_else(Instant::now);
        if failed.is_none() && call.deadline.instant() <= began {
            return Err(RpcError::new(Kind::Deadline, "the deadline had passed before the call was sent"));
        }
        let mut failed = failed.map(|failed| (failed.error, Some(failed.place)));
        let mut avoid: Vec<NodeId> = Vec::new();
        // Retries earn nothing, or a storm of them would pay for itself.
        let mut earns = true;
        loop {
            let (error, place) = match failed.take() {
                Some(first) => first,
                None => match self.place(&group, &mut call, &avoid) {
                    Err(error) => (error, None),
                    Ok(place) => match self.try_at(&place, &call, earns).await {
                        Ok(reply) => return Ok(reply),
                        Err(error) => (error, Some(place)),
                    },
                },
            };
            if error.executed() > worst.as_ref().map_or(Executed::No, RpcError::executed) {
                *worst = Some(error.clone());
            }
            if began.elapsed() > ASK_AGAIN_WITHIN {
                retry.grow_old();
            }
            let told = self.heed(&group, &call, &error)?;
            let step = retry.after(&error, told, self.0.jitter());
            earns = step == Step::Follow;
            let wait = match step {
                Step::Fail => return Err(lost_way(error, &retry, &call)),
                Step::Follow => {
                    self.0.counts.redirects.add();
                    if group.patched() >= MANY_REDIRECTED {
                        // Where so many slots went, others went too: they are asked for while this call goes on.
                        refresh::hint(&self.0);
                    }
                    Duration::ZERO
                }
                Step::Refresh(wait) | Step::Wait(wait) => {
                    Box::pin(refresh::ask_for_map(&self.0, call.deadline, told == Told::Stranger)).await;
                    wait
                }
                Step::Spend(wait) if place.as_ref().is_none_or(Place::spends) => {
                    self.0.counts.retries.add();
                    avoid.extend(place.map(|place| place.id().clone()));
                    match error.executed() {
                        Executed::No => {}
                        // The first try may still be running under its id, which names one call.
                        _ if call.method.repeatable() => call.id = self.0.session.plain(),
                        // Under its id the owner knows it.
                        _ => drop(call.first_epoch.get_or_insert(call.epoch)),
                    }
                    Box::pin(refresh::after_failure(&self.0, &error, call.deadline)).await;
                    wait
                }
                Step::Spend(_) => return Err(error),
            };
            pause(wait, &call, error).await?;
        }
    }

    /// Picks the node for the next try, notes the epoch under which it is asked, and sees to it that it can read the arguments: its slot may have moved
    /// to a node of another build since they were written.
    fn place(&self, group: &Group, call: &mut Call, avoid: &[NodeId]) -> Result<Place, RpcError> {
        let place = self.pick_place(group, call, avoid)?;
        if call.params.is_compact() && !place.takes_compact(call.method, &call.target) {
            *call = call.clone().into_json()?;
        }
        Ok(place)
    }

    fn pick_place(&self, group: &Group, call: &mut Call, avoid: &[NodeId]) -> Result<Place, RpcError> {
        match &call.target {
            Target::Slot(slot) => {
                let unowned =
                    || RpcError::new(Kind::NoOwner, format!("no node is known to own slot {slot}")).at_slot(*slot, 0);
                let owner = group.owner(*slot).ok_or_else(unowned)?;
                call.epoch = owner.epoch;
                Ok(self.at(&owner.node))
            }
            Target::Node(id, _) => {
                let unknown =
                    || RpcError::new(Kind::NoOwner, format!("no node {id} is known in group {}", group.name()));
                group.member(id).map(|node| self.at(&node)).ok_or_else(unknown)
            }
            Target::Any | Target::All => Ok(self.at(&self.pick(group, call, avoid)?)),
        }
    }

    /// The node that the method's balancing policy picks among those that have not failed this call yet.
    fn pick(&self, group: &Group, call: &Call, avoid: &[NodeId]) -> Result<NodeInfo, RpcError> {
        let Routing::Any(policy) = call.method.routing else {
            return Err(RpcError::new(Kind::Internal, format!("{} has no balancing policy", call.method.full_name))
                .with_executed(Executed::No));
        };
        let members = group.members();
        let fresh: Vec<_> = members.iter().filter(|node| !avoid.contains(&node.id)).collect();
        let candidates = if fresh.is_empty() { members.iter().collect() } else { fresh };
        let here = self.0.here.as_ref().filter(|here| {
            let provides = here.registry().is_some_and(|registry| registry.provider(call.method.service).is_some());
            provides && !here.is_leaving()
        });
        let picked = self.0.balance.pick(policy, &candidates, here.map(|here| &here.id));
        picked
            .cloned()
            .ok_or_else(|| RpcError::new(Kind::NoOwner, format!("group {} has no nodes that are known", group.name())))
    }

    fn at(&self, node: &NodeInfo) -> Place {
        match &self.0.here {
            Some(here) if here.id == node.id && !self.0.force_remote => Place::Here(LocalDispatch(here.clone())),
            _ => Place::Peer(self.0.peers.get(node)),
        }
    }

    async fn try_at(&self, place: &Place, call: &Call, earns: bool) -> Result<Reply, RpcError> {
        match place {
            Place::Here(here) => here.call(call.clone()).await,
            Place::Peer(peer) => {
                self.0.counts.remote.add();
                if earns {
                    peer.budget.earn();
                }
                if call.method.is_recorded() {
                    acknowledge::note(&self.0, peer, call.id);
                }
                peer.call(call.clone()).await
            }
        }
    }

    /// Learns from a redirect, and says what it told.
    ///
    /// # Errors
    /// When the redirect speaks of another slot than the caller's: following it would never end.
    fn heed(&self, group: &Group, call: &Call, error: &RpcError) -> Result<Told, RpcError> {
        if error.kind() != Kind::Moved {
            return Ok(Told::Nothing);
        }
        // A client pinned to a node asked for that node: it is told who the owner is, and decides for itself.
        let (Target::Slot(slot), Some(moved), Some(epoch), Some(owner)) =
            (&call.target, error.slot(), error.epoch(), error.node())
        else {
            return Err(error.clone());
        };
        if moved != *slot {
            let message = format!(
                "this caller hashed the key to slot {slot}, the node asked to slot {moved}: the key's type does not serialize the same way on both"
            );
            return Err(RpcError::new(Kind::SlotMismatch, message).at_slot(*slot, epoch));
        }
        // Only a member's address is ever dialed, and it is taken from the map: what the redirect names is not trusted.
        let is_news = group.follow(*slot, owner, epoch);
        // Of many callers redirected at once, one patches the map; the others find it newer than what they asked under.
        if is_news || group.epoch(*slot) > call.epoch {
            return Ok(Told::News);
        }
        Ok(if group.member(owner).is_none() { Told::Stranger } else { Told::Nothing })
    }
}

impl Place {
    fn id(&self) -> &NodeId {
        match self {
            Self::Here(here) => &here.0.id,
            Self::Peer(peer) => &peer.node.id,
        }
    }

    /// Whether a call may come here in the compact codec.
    fn takes_compact(&self, method: &MethodDescriptor, target: &Target) -> bool {
        match self {
            // What this program has written it can read.
            Self::Here(_) => true,
            Self::Peer(peer) => peer.takes_compact(method, target),
        }
    }

    /// Whether a further try may be made after one here failed.
    fn spends(&self) -> bool {
        match self {
            Self::Here(_) => true,
            Self::Peer(peer) => peer.budget.spend(),
        }
    }
}

/// The last try's error, for the call as a whole: if an earlier try may have done more, it says so, and why.
fn over_all_tries(last: RpcError, worst: Option<RpcError>) -> RpcError {
    let Some(worst) = worst.filter(|worst| worst.executed() > last.executed()) else { return last };
    // What is most likely to be cut off is what the earlier try said.
    let message = format!(
        "{} (this try was not executed, but an earlier one may have been: it failed with {}, {})",
        last.message(),
        worst.kind(),
        worst.message()
    );
    last.with_message(message).at_least(worst.executed())
}

/// After the last redirect, says how many there were, from which epoch to which.
fn lost_way(error: RpcError, retry: &Retry, call: &Call) -> RpcError {
    if error.kind() != Kind::Moved || retry.redirects() == 0 {
        return error;
    }
    let message = format!(
        "{} redirects did not lead to the owner; the last node, asked under epoch {}, answered: {}",
        retry.redirects(),
        call.epoch,
        error.message()
    );
    error.with_message(message)
}

/// Waits, unless the deadline comes first.
async fn pause(wait: Duration, call: &Call, last: RpcError) -> Result<(), RpcError> {
    if call.deadline.remaining() <= wait {
        let message = format!(
            "the deadline would pass before the next try of {}; the last one failed: {}",
            call.method.full_name,
            last.message()
        );
        let error = RpcError::new(Kind::Deadline, message).with_executed(last.executed()).with_source(last);
        return Err(error);
    }
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    Ok(())
}
