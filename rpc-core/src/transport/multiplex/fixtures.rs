//! Calls for the tests of this folder.

use std::time::Duration;

use crate::call::{Call, CallId, Deadline, Path, Target};
use crate::codec::payload::Payload;
use crate::service::{MethodDescriptor, Routing};

/// A method that nobody provides.
pub(super) static NOTHING: MethodDescriptor = MethodDescriptor {
    service: "Test",
    group: "default",
    name: "nothing",
    full_name: "Test.nothing",
    routing: Routing::Key,
    params: &["key"],
    key: &["key"],
    docs: "",
    read: false,
    idempotent: false,
    streams: false,
    detach: false,
    slot_of: None,
    merge: None,
    compact: None,
};

/// A call with so many bytes of arguments, and a minute.
pub(super) fn call(method: &'static MethodDescriptor, bytes: usize) -> Call {
    Call {
        method,
        params: Payload::json(vec![b'1'; bytes]),
        target: Target::Any,
        epoch: 0,
        deadline: Deadline::after(Duration::from_secs(60)),
        id: CallId { session: 1, sequence: 1, acked: 0 },
        first_epoch: None,
        hops: 0,
        path: Path::root(),
        trace: None,
    }
}
