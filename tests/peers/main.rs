//! Our client among peers that refuse, stall, break off, lie and loop.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod answered;
mod broken;
mod budget;
mod cancel;
mod fake;
mod fakes;
mod garbage;
mod idle;
mod probe;
mod redirects;
mod stalled;
mod turns;
