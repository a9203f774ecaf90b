//! From a call's key to the node that owns it.

pub mod key;

pub mod map;

pub mod cells;

mod park;

pub mod watch;

pub mod coverage;

pub mod group;

pub mod groups;

pub mod balance;
