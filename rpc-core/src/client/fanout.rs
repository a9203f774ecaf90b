//! A call to all nodes: ask each, check that together they speak for every slot once, merge.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use super::refresh;
use super::shared::Shared;
use crate::call::{Call, Caller, Covered, Outcome, Reply, Target};
use crate::codec::payload::Payload;
use crate::error::{Executed, Kind, RpcError};
use crate::node::NodeId;
use crate::service::{MethodDescriptor, Partial, Routing};
use crate::slot::Slot;

/// Most rounds of questions while slots move: a planned move leaves a gap for milliseconds.
const MOST_ROUNDS: u32 = 6;

/// The wait after the first round; each further one is that much longer.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(20);

/// What each node said.
type Replies = Vec<(NodeId, Result<Reply, RpcError>)>;

/// A caller that takes a call to all nodes apart, and hands the parts, like any other call, to `one`.
pub(super) struct Fanout {
    one: Arc<dyn Caller>,
    shared: Arc<Shared>,
}

impl Fanout {
    /// A fan-out around the caller of single nodes.
    pub(super) fn around(one: Arc<dyn Caller>, shared: Arc<Shared>) -> Self {
        Self { one, shared }
    }
}

impl Caller for Fanout {
    fn takes_compact(&self, method: &MethodDescriptor, target: &Target) -> bool {
        self.one.takes_compact(method, target)
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Result<Reply, RpcError>> {
        match call.target {
            Target::All => Box::pin(call_all(&*self.one, &self.shared, call)),
            _ => self.one.call(call),
        }
    }
}

/// Asks every node of the method's group.
async fn call_all(one: &dyn Caller, shared: &Arc<Shared>, call: Call) -> Result<Reply, RpcError> {
    let Routing::All(partial) = call.method.routing else {
        return Err(
            RpcError::new(Kind::Internal, "only a method marked all runs on all nodes").with_executed(Executed::No)
        );
    };
    let mut rounds = 0;
    loop {
        let replies = ask(one, shared, &call, partial).await?;
        let gap = match gap(&replies) {
            Some(gap) if partial == Partial::Refuse => gap,
            _ => return merge(&call, partial, replies),
        };
        // A slot that was counted twice or not at all was on the move. Asking again is only safe where twice is harmless.
        rounds += 1;
        let pause = BETWEEN_ROUNDS * rounds;
        if !call.method.repeatable() || rounds == MOST_ROUNDS || call.deadline.remaining() <= pause {
            return Err(gap);
        }
        refresh::ask_for_map(shared, call.deadline, false).await;
        tokio::time::sleep(pause).await;
    }
}

/// Asks every node at once. A `read` that no longer can succeed ends at its first failure; anything else is heard to its end on
/// every node.
async fn ask(caller: &dyn Caller, shared: &Arc<Shared>, call: &Call, partial: Partial) -> Result<Replies, RpcError> {
    let group = shared.groups.get(call.method.group);
    if group.members().is_empty() {
        refresh::ask_for_map(shared, call.deadline, false).await;
    }
    let nodes = group.members();
    if nodes.is_empty() {
        return Err(RpcError::new(Kind::NoOwner, format!("group {} has no nodes that are known", group.name())));
    }
    let one = |node: NodeId| {
        let mut call = call.clone();
        call.id = shared.session.plain();
        call.target = Target::Node(node.clone(), None);
        async move { (node, caller.call(call).await) }
    };
    let mut asked: FuturesUnordered<_> = nodes.into_iter().map(|node| one(node.id)).collect();
    let ends_early = partial == Partial::Refuse && call.method.read;
    let mut replies = Replies::new();
    while let Some((node, reply)) = asked.next().await {
        let is_failure = !matches!(reply, Ok(Reply { outcome: Outcome::Value(_), .. }));
        if is_failure && ends_early {
            // Those that have not answered yet may be running it.
            let unheard = if asked.is_empty() { Executed::No } else { Executed::Maybe };
            replies.push((node, reply.map_err(|error| error.at_least(unheard))));
            break;
        }
        replies.push((node, reply));
    }
    // In the order of the nodes, whichever answered first.
    replies.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(replies)
}

/// The error for slots that no reply or more than one speaks for; `None` if each was covered once, or if a node failed, which is
/// an error of its own.
fn gap(replies: &Replies) -> Option<RpcError> {
    if replies.iter().any(|(_, reply)| !matches!(reply, Ok(Reply { outcome: Outcome::Value(_), .. }))) {
        return None;
    }
    let mut runs: Vec<Covered> =
        replies.iter().filter_map(|(_, reply)| reply.as_ref().ok()).flat_map(|reply| reply.covered.clone()).collect();
    runs.sort_by_key(|run| run.first);
    let mut next = 0_u32;
    for run in runs {
        if u32::from(run.first.get()) != next {
            let word = if u32::from(run.first.get()) > next { "nobody" } else { "more than one node" };
            return Some(RpcError::new(
                Kind::Coverage,
                format!("{word} answered for slots near {}; they are being moved", run.first),
            ));
        }
        next = u32::from(run.last.get()) + 1;
    }
    (next != u32::from(Slot::COUNT))
        .then(|| RpcError::new(Kind::Coverage, format!("nobody answered for slots from {next} on")))
}

fn merge(call: &Call, partial: Partial, replies: Replies) -> Result<Reply, RpcError> {
    let mut values: Vec<(NodeId, Result<Payload, RpcError>)> = Vec::with_capacity(replies.len());
    let mut failure = None;
    let verdict = verdict(&replies);
    for (node, reply) in replies {
        match reply {
            Ok(Reply { outcome: Outcome::Value(value), .. }) => values.push((node, Ok(value))),
            Ok(reply) if partial == Partial::Refuse => return Ok(reply),
            Err(error) if partial == Partial::Refuse => return Err(error.at_node(&node).at_least(verdict)),
            Ok(reply) => {
                let message = match &reply.outcome {
                    Outcome::Failure { message, .. } => message.clone(),
                    Outcome::Value(_) | Outcome::Stream(_) => String::new(),
                };
                values.push((node, Err(RpcError::new(Kind::Internal, message).with_executed(Executed::Yes))));
                failure = Some(reply);
            }
            Err(error) => {
                let error = error.at_node(&node);
                values.push((node, Err(error)));
            }
        }
    }
    if let (Some(failure), true) = (failure, values.iter().all(|(_, value)| value.is_err())) {
        return Ok(failure);
    }
    let missing = || RpcError::new(Kind::Internal, format!("{} cannot merge replies", call.method.full_name));
    let merge = call.method.merge.ok_or_else(missing)?;
    merge(values).map(|value| Reply::new(Outcome::Value(value))).map_err(|error| error.at_least(verdict))
}

/// Whether the call as a whole ran: on some nodes is maybe.
fn verdict(replies: &Replies) -> Executed {
    let on = |reply: &Result<Reply, RpcError>| reply.as_ref().map_or_else(RpcError::executed, |_| Executed::Yes);
    let all_refused = replies.iter().all(|(_, reply)| on(reply) == Executed::No);
    if all_refused { Executed::No } else { Executed::Maybe }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(runs: &[(u16, u16)]) -> (NodeId, Result<Reply, RpcError>) {
        let slot = |n| Slot::new(n).expect("in range");
        let covered =
            runs.iter().map(|(first, last)| Covered { first: slot(*first), last: slot(*last), epoch: 1 }).collect();
        (NodeId::new("n"), Ok(Reply { outcome: Outcome::Value(Payload::json("1")), covered }))
    }

    #[test]
    fn every_slot_must_be_covered_exactly_once() {
        assert!(gap(&vec![reply(&[(0, 10), (100, 16383)]), reply(&[(11, 99)])]).is_none());
        for bad in [
            vec![reply(&[(0, 16382)])],
            vec![reply(&[(1, 16383)])],
            vec![reply(&[(0, 16383)]), reply(&[(5, 6)])],
            vec![],
        ] {
            assert_eq!(gap(&bad).map(|error| error.kind()), Some(Kind::Coverage));
        }
    }
}
