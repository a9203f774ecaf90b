//! The node as a foreign client sees it: raw HTTP over real sockets, well-formed and hostile.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod arguments;
mod batches;
mod cancel;
mod codecs;
mod codes;
mod connection;
mod deadlines;
mod envelope;
mod forwarding;
mod framed;
mod frames_client;
mod frames_crowd;
mod frames_same;
mod frames_server;
mod frames_streams;
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
