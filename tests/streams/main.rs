//! Methods that answer with streams: the same items near, by frames, by HTTP and through a gateway, and an end that says why.
#![allow(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

mod alike;
mod feed;
mod flow;
mod leaving;
mod lines;
