//! Our client among peers that refuse, stall, break off, lie and loop.

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
