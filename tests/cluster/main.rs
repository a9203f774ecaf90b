//! What a cluster of nodes promises its callers, tested on real sockets.

mod cancellation;
mod deadlines;
mod depth;
mod near_far;
mod probe;
mod routing;
mod start;
