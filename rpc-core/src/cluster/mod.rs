//! The pure machines behind a cluster: no I/O, no clocks.

pub mod assign;
