//! A call and its reply, between the typed client and the bytes on a connection.

pub mod context;
pub mod deadline;
pub mod id;
pub mod items;
pub mod path;

use bytes::Bytes;
use futures_util::future::BoxFuture;

pub use context::{Context, with_deadline};
pub use deadline::Deadline;
pub use id::CallId;
pub use items::Items;
pub use path::Path;

use crate::codec::payload::Payload;
use crate::error::RpcError;
use crate::node::NodeId;
use crate::service::{Compact, MethodDescriptor};
use crate::slot::Slot;

/// A call on its way: encoded arguments and where they go. Cloning copies no argument bytes.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method called.
    pub method: &'static MethodDescriptor,
    /// The arguments: as JSON text, an object by name, an array by position, or nothing; or in the compact codec, if the caller that is given the
    /// call [takes that](Caller::takes_compact).
    pub params: Payload,
    /// Where it goes.
    pub target: Target,
    /// The epoch of the slot that the sender knows; 0 where there is no slot or no knowledge.
    pub epoch: u64,
    /// When the caller stops waiting.
    pub deadline: Deadline,
    /// Who calls, and the how-manieth call of theirs it is.
    pub id: CallId,
    /// For a retry under the same id: the epoch of the slot when the call was first sent.
    pub first_epoch: Option<u64>,
    /// How many nodes have passed the call on.
    pub hops: u8,
    /// The calls that this call is nested in.
    pub path: Path,
    /// A W3C `traceparent` to hand on, if the call came with one.
    pub trace: Option<Bytes>,
}

/// Where a call goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To the owner of this slot.
    Slot(Slot),
    /// To this node and no other; the slot is the key's, if the method has one.
    Node(NodeId, Option<Slot>),
    /// To a node that the method's balancing policy picks.
    Any,
    /// To every node.
    All,
}

impl Target {
    /// The slot of the call's key, if it has one.
    pub fn slot(&self) -> Option<Slot> {
        match self {
            Self::Slot(slot) | Self::Node(_, Some(slot)) => Some(*slot),
            _ => None,
        }
    }
}

impl Call {
    /// The same call with its arguments as JSON, which every node reads.
    ///
    /// # Errors
    /// [`Kind::Encode`](crate::Kind::Encode), not executed, if they have no JSON.
    pub fn into_json(mut self) -> Result<Self, RpcError> {
        self.params = self.params.into_json(self.method.compact.as_ref().map(|compact| compact.params))?;
        Ok(self)
    }
}

/// What came back from the provider.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The provider's value or its own error, encoded.
    pub outcome: Outcome,
    /// For a call to all nodes: the slots this reply speaks for.
    pub covered: Vec<Covered>,
}

impl Reply {
    /// A reply that covers nothing in particular.
    pub fn new(outcome: Outcome) -> Self {
        Self { outcome, covered: Vec::new() }
    }
}

/// The provider's answer, encoded: as JSON, or, to a call in the compact codec, in either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The value.
    Value(Payload),
    /// The provider's own error: its Display text, and the error itself.
    Failure {
        /// What its `Display` says.
        message: String,
        /// The serialized error.
        data: Payload,
    },
    /// The items of a stream, which come one by one from here on.
    Stream(Items),
}

impl Outcome {
    /// The same as JSON; `compact` knows the method's types.
    ///
    /// # Errors
    /// As [`Payload::into_json`].
    pub fn into_json(self, compact: Option<&Compact>) -> Result<Self, RpcError> {
        Ok(match self {
            Self::Value(value) => Self::Value(value.into_json(compact.map(|compact| compact.value))?),
            Self::Failure { message, data } => {
                Self::Failure { message, data: data.into_json(compact.map(|compact| compact.failure))? }
            }
            // Items are JSON.
            Self::Stream(items) => Self::Stream(items),
        })
    }

    /// Whether it is in the compact codec.
    pub fn is_compact(&self) -> bool {
        match self {
            Self::Value(payload) | Self::Failure { data: payload, .. } => payload.is_compact(),
            Self::Stream(_) => false,
        }
    }
}

/// A run of slots of one epoch that a reply speaks for; `first` and `last` both belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Covered {
    /// First slot of the run.
    pub first: Slot,
    /// Last slot of the run.
    pub last: Slot,
    /// Their epoch.
    pub epoch: u64,
}

impl Covered {
    /// The slots of the run.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        (self.first.get()..=self.last.get()).filter_map(Slot::new)
    }
}

/// Anything that takes a call and brings a reply: the router, one peer's connection, the dispatch on this node, a test's fake.
///
/// This is the waist of the framework: new behaviour (a cache, a limit, a recorder) is a new `Caller` around another one.
///
/// # Cancel safety
/// Dropping the future gives the call up; the callee is told where the transport can tell it.
pub trait Caller: Send + Sync + 'static {
    /// Carries out `call`. The error says whether it ran.
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Reply, RpcError>>;

    /// Whether a call of `method` to `target` may come with its arguments in the compact codec, as far as is known now: which saves work where the node
    /// that runs it is of the same build. Whoever says so also carries such a call where only JSON is read ([`Call::into_json`]). A caller around
    /// another one that wants this passes the question on; if it does not, arguments are JSON.
    fn takes_compact(&self, _method: &MethodDescriptor, _target: &Target) -> bool {
        false
    }
}
