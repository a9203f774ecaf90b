//! Nodes and who owns what: pure, without I/O or clocks.

pub mod assign;
pub mod authority;
pub mod controller;
pub mod fixed;
pub mod hand_over;
pub mod keeper;
pub mod mirror;
pub mod moves;
pub mod operate;
pub mod records;
pub mod request;
pub mod stuck;
pub mod view;
