//! Nodes and who owns what: pure, without I/O or clocks.

pub mod assign;
pub mod authority;
pub mod fixed;
pub mod hand_over;
pub mod mirror;
pub mod moves;
pub mod records;
pub mod request;
pub mod view;
