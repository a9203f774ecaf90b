//! Strict JSON-RPC 2.0.
/// Deepest nesting of one argument, in arrays and objects.
pub const MAX_DEPTH: usize = 127;
