//! Decodes arbitrary bytes as values in the compact codec.
#![no_main]

#[path = "../bodies/compact.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::decode(bytes));
