//! Live clusters of real processes, with real faults: nodes that are killed, frozen, cut off and restarted under load, and an etcd
//! that hangs, vanishes and forgets. And clients of nodes that fall silent, by frames.
//!
//! The programs must be there: `cargo build -p wherever-examples --example counters --example echo -p rpc-cli`, which testing the whole workspace does
//! too. `CHAOS_PROGRAMS=target/release` takes them from elsewhere; `CHAOS_ROUNDS=60` makes the random run as long as it should be before
//! a release, and `CHAOS_SEED=…` repeats one.
#![allow(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

#[expect(dead_code, reason = "what other tests need of etcd is not needed here")]
#[path = "../coordinators/etcd_process.rs"]
mod etcd_process;
#[expect(dead_code, reason = "the other tests' way of waiting, for their etcd")]
#[path = "../coordinators/wait.rs"]
mod wait;

mod programs;

mod cluster;
mod load;
mod namespace;
mod trace;
mod until;

mod bad_input;
mod ends;
mod etcd_away;
mod moves;
mod operators;
mod owners;
mod partition;
mod rounds;
mod seeds;
mod silent;
