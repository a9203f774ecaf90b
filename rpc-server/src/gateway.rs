//! Calls of clients that know no slot map: this node finds the owner for them.

use bytes::Bytes;
use rpc_core::RpcError;
use rpc_core::call::id::Numbered;
use rpc_core::call::{Call, Deadline, Path, Target};
use rpc_core::codec::args::Args;
use rpc_core::codec::payload::Payload;
use rpc_core::service::{MethodDescriptor, Routing};

use crate::node::Node;

/// The call that a foreign client's request stands for, addressed to where it must run, and what must live until it is answered.
///
/// # Errors
/// [`Kind::BadArguments`](rpc_core::Kind::BadArguments) or [`Kind::BadKey`](rpc_core::Kind::BadKey) when the key cannot be made out.
pub(crate) fn call(
    node: &Node,
    method: &'static MethodDescriptor,
    params: Payload,
    deadline: Deadline,
    trace: Option<Bytes>,
) -> Result<(Call, Option<Numbered>), RpcError> {
    let target = match (method.routing, method.slot_of) {
        (Routing::All(_), _) => Target::All,
        (Routing::Any(_), _) => Target::Any,
        (_, Some(slot_of)) => Target::Slot(slot_of(&Args::read(method.params, &params)?)?),
        (_, None) => Target::Node(node.here().id.clone(), None),
    };
    let (id, open) = node.wherever().session().number(method);
    let call =
        Call { method, params, target, epoch: 0, deadline, id, first_epoch: None, hops: 1, path: Path::root(), trace };
    Ok((call, open))
}
