//! Live clusters in one process: nodes come and go, slots move with their state, and callers see a short wait.

mod ledger;
mod moves;
