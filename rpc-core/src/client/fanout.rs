//! A call to all nodes: ask each, check that together they speak for every slot once, merge.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};

use super::refresh;
use super::retry::MAX_REDIRECTS;
use super::shared::Shared;
use crate::call::{Call, Caller, Covered, Outcome, Reply, Target};
use crate::error::{Executed, Kind, RpcError};
use crate::node::NodeId;
use crate::service::{Partial, Routing};
use crate::slot::Slot;

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
    let mut last = None;
    for _ in 0..=MAX_REDIRECTS {
        let replies = ask(one, shared, &call).await?;
        let gap = match gap(&replies) {
            Some(gap) if partial == Partial::Refuse => gap,
            _ => return merge(&call, partial, replies),
        };
        // A slot that was counted twice or not at all was on the move. Asking again is only safe where twice is harmless.
        if !call.method.repeatable() {
            return Err(gap);
        }
        last = Some(gap);
        refresh::ask_for_map(shared, call.deadline).await;
    }
    Err(last.unwrap_or_else(|| RpcError::new(Kind::Coverage, "no node was asked")))
}

async fn ask(caller: &dyn Caller, shared: &Arc<Shared>, call: &Call) -> Result<Replies, RpcError> {
    let group = shared.groups.get(call.method.group);
    if group.members().is_empty() {
        refresh::ask_for_map(shared, call.deadline).await;
    }
    let nodes = group.members();
    if nodes.is_empty() {
        return Err(RpcError::new(Kind::NoOwner, format!("group {} has no nodes that are known", group.name())));
    }
    let one = |node: NodeId| {
        let mut call = call.clone();
        call.id = shared.session.next();
        call.target = Target::Node(node.clone(), None);
        async move { (node, caller.call(call).await) }
    };
    Ok(join_all(nodes.into_iter().map(|node| one(node.id))).await)
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
    let mut values: Vec<(NodeId, Result<Bytes, RpcError>)> = Vec::with_capacity(replies.len());
    let mut failure = None;
    for (node, reply) in replies {
        match reply {
            Ok(Reply { outcome: Outcome::Value(value), .. }) => values.push((node, Ok(value))),
            Ok(reply) if partial == Partial::Refuse => return Ok(reply),
            Err(error) if partial == Partial::Refuse => return Err(error.at_node(&node)),
            Ok(reply) => {
                let message = match &reply.outcome {
                    Outcome::Failure { message, .. } => message.clone(),
                    Outcome::Value(_) => String::new(),
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
    merge(values).map(|value| Reply::new(Outcome::Value(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(runs: &[(u16, u16)]) -> (NodeId, Result<Reply, RpcError>) {
        let slot = |n| Slot::new(n).expect("in range");
        let covered =
            runs.iter().map(|(first, last)| Covered { first: slot(*first), last: slot(*last), epoch: 1 }).collect();
        (NodeId::new("n"), Ok(Reply { outcome: Outcome::Value(Bytes::from_static(b"1")), covered }))
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
