//! What a cluster of nodes promises its callers, tested on real sockets.
#![allow(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

mod cancellation;
mod deadlines;
mod depth;
mod near_far;
mod newcomer;
mod probe;
mod routing;
mod start;
mod state;
mod twice;
mod verdicts;
