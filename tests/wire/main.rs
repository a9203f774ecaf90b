//! The node as a foreign client sees it: raw HTTP over real sockets, well-formed and hostile.

mod arguments;
mod batches;
mod cancel;
mod codes;
mod connection;
mod envelope;
mod forwarding;
mod handlers;
mod headers;
mod hosts;
mod names;
mod probe;
mod raw;
mod routes;
mod row;
mod sizes;
mod world;
