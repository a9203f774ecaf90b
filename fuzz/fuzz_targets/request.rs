//! Decodes arbitrary bytes as what a caller may send.
#![no_main]

#[path = "../bodies/request.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::decode(bytes));
