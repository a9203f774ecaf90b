//! The etcd coordinator.
