//! Bytes to meaning and back: JSON-RPC envelopes, arguments, and what JSON must refuse.

pub mod args;
pub mod envelope;
pub mod finite;
pub mod pieces;
mod raw;
pub mod strict;
