//! Skeleton.

pub mod listener;
