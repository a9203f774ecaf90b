//! The accept loop from outside: raw sockets, small limits, one test for each rule.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod raw;

mod connections;
mod requests;
mod shutdown;
mod smuggling;
mod times;
