//! The backends, each made fresh for one test.

use std::any::Any;
use std::sync::Arc;

use rpc_core::clock::BootClock;
use rpc_core::coordinator::Coordinator;
use rpc_core::coordinator::embedded::Embedded;

use crate::etcd_process::EtcdProcess;
use crate::seed::{self, Seed};

/// An empty coordinator, and what must live as long.
pub(crate) struct Backend {
    pub(crate) coordinator: Arc<dyn Coordinator>,
    _around: Box<dyn Any + Send + Sync>,
}

fn backend(coordinator: Arc<dyn Coordinator>, around: impl Any + Send + Sync) -> Backend {
    Backend { coordinator, _around: Box::new(around) }
}

pub(crate) fn in_memory() -> Backend {
    backend(Embedded::in_memory(Arc::new(BootClock)), ())
}

pub(crate) fn on_a_file() -> Backend {
    let folder = tempfile::tempdir().unwrap();
    backend(seed::open(&folder.path().join("coordinator.redb")), folder)
}

pub(crate) fn over_http() -> Backend {
    let seed = Seed::start(None);
    backend(seed.remote(), seed)
}

pub(crate) async fn in_etcd() -> Backend {
    let process = EtcdProcess::start().await;
    backend(process.client().await, process)
}
