//! The headers between nodes. Their presence marks a caller that knows the slot map; PROTOCOL.md describes them.

mod about;

use http::header::HeaderName;

pub use self::about::{About, Unreadable};

/// What a caller that knows the slot map says of its call: an [`About`].
pub const CALL: HeaderName = HeaderName::from_static("x-wherever-call");
/// The time left, in milliseconds, for callers who send nothing else of ours.
pub const DEADLINE: HeaderName = HeaderName::from_static("x-wherever-deadline-ms");
/// How many nodes have passed the call on.
pub const HOPS: HeaderName = HeaderName::from_static("x-wherever-hops");
/// The calls that this one is nested in.
pub const PATH: HeaderName = HeaderName::from_static("x-wherever-path");
/// W3C trace context, handed on as it came.
pub const TRACE: HeaderName = HeaderName::from_static("traceparent");

/// The notification that takes a call back.
pub const CANCEL_METHOD: &str = "wherever.cancel";

/// The call by which a session that has nothing more to send says up to where it has every answer.
pub const ANSWERED_METHOD: &str = "wherever.answered";
