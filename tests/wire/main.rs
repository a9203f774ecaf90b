//! The node as a foreign client sees it: raw HTTP over real sockets, well-formed and hostile.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod arguments;
mod batches;
mod cancel;
mod codes;
mod connection;
mod deadlines;
mod envelope;
mod forwarding;
mod handlers;
mod headers;
mod hosts;
mod leaving;
mod names;
mod probe;
mod raw;
mod records;
mod routes;
mod row;
mod sizes;
mod world;
