//! The etcd coordinator: membership and slot maps of a Wherever cluster in an etcd of version 3.4 or later.
//!
//! [`Etcd::connect`] gives a [`Coordinator`](rpc_core::coordinator::Coordinator), which a node is built with. All keys lie under one prefix,
//! by default `/wherever/<cluster-name>/`, so that several clusters can share an etcd. In the order of a call:
//!
//! - `options`: where the keys lie, and who asks
//! - `client`: calls, each under a time limit
//! - `watch`: a watch that notices when its other side is gone
//! - `words`: our words as etcd's, and back
//! - `error`: what went wrong, in our words
//!
//! Connections are plain, with a user and password if etcd asks for them; `https://` endpoints are refused rather than spoken to in plain.

mod options;

mod client;

mod watch;

mod words;

mod error;

pub use client::Etcd;
pub use options::EtcdOptions;
