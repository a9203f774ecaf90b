//! What a session tells the listener that took its connection in, and hears from it.

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;

use crate::listener::TimedIo;

/// A connection's place among those of a listener.
pub(super) trait Place {
    /// Nothing is under way: the connection may make room for another.
    fn rests(&self);

    /// Something is under way.
    fn works(&self);

    /// Whether the listener asks the connection to leave. Whoever reads is woken when it does.
    fn should_leave(&self) -> bool;
}

impl Place for TimedIo {
    fn rests(&self) {
        TimedIo::rests(self);
    }

    fn works(&self) {
        TimedIo::works(self);
    }

    fn should_leave(&self) -> bool {
        TimedIo::should_leave(self)
    }
}

/// Another listener's, which asks for nothing.
impl Place for TokioIo<Upgraded> {
    fn rests(&self) {}

    fn works(&self) {}

    fn should_leave(&self) -> bool {
        false
    }
}
