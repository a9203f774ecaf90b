//! Bytes to meaning and back: JSON-RPC envelopes, arguments, and what JSON must refuse.

pub mod args;
pub mod compact;
pub mod envelope;
pub mod finite;
pub mod payload;
pub mod pieces;
mod raw;
pub mod strict;
pub mod trial;
