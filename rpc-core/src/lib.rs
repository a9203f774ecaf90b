//! Skeleton.

pub mod cluster;
pub mod codec;
pub mod route;
