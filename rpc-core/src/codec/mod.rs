//! Bytes to meaning and back: JSON-RPC envelopes, arguments, and what JSON must refuse.

pub mod envelope;
pub mod text;
