//! What can go wrong with a call, and whether the call ran.

mod executed;
mod kind;
mod record;
pub mod text;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use executed::Executed;
pub use kind::Kind;
pub use record::ErrorRecord;
pub use text::bounded;

use crate::node::NodeId;
use crate::slot::Slot;

/// Longest name or address of a node that an error keeps, in characters: a host name has at most 253, and a port five.
const MAX_NODE_TEXT: usize = 260;

/// The failure of a call, as any node on its way saw it.
///
/// It says what happened ([`kind`](Self::kind)), whether the provider ran ([`executed`](Self::executed)), where
/// ([`node`](Self::node), [`slot`](Self::slot), [`epoch`](Self::epoch)) and when a further try makes sense
/// ([`retry_after`](Self::retry_after)). It serializes without its source, so it survives inside a service's own error type
/// through any number of hops.
#[derive(Clone)]
pub struct RpcError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    record: ErrorRecord,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl RpcError {
    /// An error of `kind` with the outcome usual for that kind ([`Kind::usual_outcome`]).
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let executed = kind.usual_outcome();
        Self(Box::new(Inner { record: ErrorRecord::new(kind, executed, bounded(message.into())), source: None }))
    }

    /// The error that a peer sent, word for word but for the bounds on its texts.
    pub fn from_record(mut record: ErrorRecord) -> Self {
        record.message = bounded(record.message);
        record.node = record.node.map(|node| NodeId::from(text::clipped(node.as_str(), MAX_NODE_TEXT)));
        record.address = record.address.map(|address| text::clipped(&address, MAX_NODE_TEXT));
        Self(Box::new(Inner { record, source: None }))
    }

    /// What happened.
    pub fn kind(&self) -> Kind {
        self.0.record.kind
    }

    /// Whether the provider's method ran.
    pub fn executed(&self) -> Executed {
        self.0.record.executed
    }

    /// The sentence for a person, at most [`text::MAX_ERROR_TEXT`] bytes.
    pub fn message(&self) -> &str {
        &self.0.record.message
    }

    /// The node that refused or failed, where known; for [`Kind::Moved`], the node that owns the slot.
    pub fn node(&self) -> Option<&NodeId> {
        self.0.record.node.as_ref()
    }

    /// The slot of the call, where it had one.
    pub fn slot(&self) -> Option<Slot> {
        self.0.record.slot
    }

    /// The slot's epoch as the answering node knows it.
    pub fn epoch(&self) -> Option<u64> {
        self.0.record.epoch
    }

    /// How long to wait before another try, where the answering node said so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.record.retry_after_ms.map(Duration::from_millis)
    }

    /// The owner's address that came with a [`Kind::Moved`].
    pub fn address(&self) -> Option<&str> {
        self.0.record.address.as_deref()
    }

    /// The error without its source, as it travels.
    pub fn record(&self) -> &ErrorRecord {
        &self.0.record
    }

    /// The same error in other words.
    #[must_use]
    pub(crate) fn with_message(mut self, message: String) -> Self {
        self.0.record.message = bounded(message);
        self
    }

    /// The same error with another outcome.
    #[must_use]
    pub fn with_executed(mut self, executed: Executed) -> Self {
        self.0.record.executed = executed;
        self
    }

    /// The same error, about something of which `earlier` is known besides: the greater outcome of the two.
    #[must_use]
    pub fn at_least(self, earlier: Executed) -> Self {
        let executed = self.executed().max(earlier);
        self.with_executed(executed)
    }

    /// The same error, naming the node it comes from; a node already named stays.
    #[must_use]
    pub fn at_node(mut self, node: &NodeId) -> Self {
        self.0.record.node.get_or_insert_with(|| node.clone());
        self
    }

    /// The same error, naming the call's slot and the epoch known for it.
    #[must_use]
    pub fn at_slot(mut self, slot: Slot, epoch: u64) -> Self {
        self.0.record.slot = Some(slot);
        self.0.record.epoch = Some(epoch);
        self
    }

    /// The same error with a hint of when to try again.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.record.retry_after_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// The same error with the address at which the owner answers.
    #[must_use]
    pub fn with_address(mut self, address: impl Into<String>) -> Self {
        self.0.record.address = Some(address.into());
        self
    }

    /// The same error with the lower-level error behind it; the source does not travel.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = &self.0.record;
        write!(f, "{} ({}; executed: {}", record.message, record.kind, record.executed)?;
        if let Some(node) = &record.node {
            write!(f, "; node {node}")?;
        }
        if let Some(slot) = record.slot {
            write!(f, "; slot {slot}")?;
        }
        if let Some(epoch) = record.epoch {
            write!(f, "@{epoch}")?;
        }
        if let Some(wait) = record.retry_after_ms {
            write!(f, "; retry after {wait} ms")?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for RpcError {
    /// As `Display`, since a `main` or an `unwrap` that fails prints this.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for RpcError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl PartialEq for RpcError {
    /// Two errors are equal when they would look the same on the wire.
    fn eq(&self, other: &Self) -> bool {
        self.0.record == other.0.record
    }
}

impl serde::Serialize for RpcError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.record.serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for RpcError {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::Deserialize::deserialize(deserializer).map(Self::from_record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_trip_without_its_source() {
        let sent = RpcError::new(Kind::Overloaded, "too many calls in flight")
            .at_node(&NodeId::new("a"))
            .with_retry_after(Duration::from_millis(20))
            .with_source(std::io::Error::other("inner"));
        let text = serde_json::to_string(&sent).expect("encodes");
        let received: RpcError = serde_json::from_str(&text).expect("decodes");
        assert_eq!(sent, received);
        assert_eq!(received.executed(), Executed::No);
        assert!(received.source().is_none() && sent.source().is_some());
    }

    #[test]
    fn a_kind_of_a_later_version_reads_as_internal() {
        let text = r#"{"kind":"from_the_future","executed":"maybe","message":"?","new_member":1}"#;
        let received: RpcError = serde_json::from_str(text).expect("decodes");
        assert_eq!((received.kind(), received.executed()), (Kind::Internal, Executed::Maybe));
    }

    #[test]
    fn hostile_text_is_cut_and_escaped() {
        let long = RpcError::new(Kind::UnknownService, "é\u{1b}[2J".repeat(1000));
        assert!(long.message().len() <= text::MAX_ERROR_TEXT);
        assert!(!long.message().contains('\u{1b}'));
    }
}
