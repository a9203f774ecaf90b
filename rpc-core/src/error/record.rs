//! The part of an error that travels.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Executed, Kind};
use crate::node::NodeId;
use crate::slot::Slot;

/// An [`RpcError`](super::RpcError) as it stands in the `data` of a JSON-RPC error. Unknown members are ignored, so that a later
/// version may add some.
///
/// Where a form has no names, as in the compact codec, it is the text of that JSON: members could not be left out there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct ErrorRecord {
    /// What happened.
    pub kind: Kind,
    /// Whether the provider's method ran.
    pub executed: Executed,
    /// The sentence for a person.
    pub message: String,
    /// Where it happened; for a redirect, the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// The owner's address, for a redirect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The call's slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
    /// The slot's epoch at the answering node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// How long to wait before another try, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl ErrorRecord {
    /// A record that says only what, whether and why.
    pub fn new(kind: Kind, executed: Executed, message: String) -> Self {
        Self { kind, executed, message, node: None, address: None, slot: None, epoch: None, retry_after_ms: None }
    }
}

impl Serialize for ErrorRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            // What is derived: a type's own function goes before a trait's.
            return Self::serialize(self, serializer);
        }
        serializer.serialize_str(&serde_json::to_string(self).map_err(S::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for ErrorRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return Self::deserialize(deserializer);
        }
        serde_json::from_str(&Cow::<str>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
