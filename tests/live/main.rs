//! Live clusters in one process: nodes come and go, slots move with their state, and callers see a short wait.
#![allow(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

mod ledger;
mod maps;
mod moves;
mod not_started;
mod stuck;
mod upgrade;
