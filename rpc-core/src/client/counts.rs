//! What the client side of a program counts.

use crate::cluster::view::CountsView;
use crate::stripes::Counter;

/// What a client runtime counts.
#[derive(Default)]
pub struct Counts {
    /// Calls that stayed in this process.
    pub local: Counter,
    /// Calls sent to another node.
    pub remote: Counter,
    /// Redirects followed.
    pub redirects: Counter,
    /// Further tries.
    pub retries: Counter,
    /// Calls served for others.
    pub served: Counter,
}

impl Counts {
    /// The counts at this moment, of a node with so many calls in flight and streams open.
    pub fn view(&self, (in_flight, streams): (usize, usize)) -> CountsView {
        CountsView {
            local: self.local.total(),
            remote: self.remote.total(),
            redirects: self.redirects.total(),
            retries: self.retries.total(),
            served: self.served.total(),
            in_flight: in_flight as u64,
            streams: streams as u64,
        }
    }
}
