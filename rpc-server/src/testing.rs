//! Whole clusters in one process, on real sockets, for users' tests.

mod cluster;

pub use cluster::{Cluster, ClusterBuilder, ProvidingNode, TestNode};
