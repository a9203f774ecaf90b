//! The tests of the whole: see the test targets in Cargo.toml.
