//! The headers between nodes. Their presence marks a caller that knows the slot map; PROTOCOL.md describes them.

use http::header::HeaderName;

/// The cluster's id; a node of another cluster refuses.
pub const CLUSTER: HeaderName = HeaderName::from_static("x-wherever-cluster");
/// The slot that the caller computed.
pub const SLOT: HeaderName = HeaderName::from_static("x-wherever-slot");
/// The epoch of that slot that the caller knows.
pub const EPOCH: HeaderName = HeaderName::from_static("x-wherever-epoch");
/// The time left, in milliseconds.
pub const DEADLINE: HeaderName = HeaderName::from_static("x-wherever-deadline-ms");
/// The call's id: session, sequence, highest answered sequence.
pub const CALL: HeaderName = HeaderName::from_static("x-wherever-call");
/// How many nodes have passed the call on.
pub const HOPS: HeaderName = HeaderName::from_static("x-wherever-hops");
/// The calls that this one is nested in.
pub const PATH: HeaderName = HeaderName::from_static("x-wherever-path");
/// W3C trace context, handed on as it came.
pub const TRACE: HeaderName = HeaderName::from_static("traceparent");

/// The notification that takes a call back.
pub const CANCEL_METHOD: &str = "wherever.cancel";
