//! What is asked of the peers, and a real provider of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;
use wherever::{RpcError, rpc_service};

#[rpc_service]
pub(crate) trait Probe {
    async fn write(&self, key: &str) -> Result<u64, RpcError>;
    #[rpc(read)]
    async fn read(&self, key: &str) -> Result<u64, RpcError>;
    #[rpc(idempotent)]
    async fn put(&self, key: &str) -> Result<u64, RpcError>;
    /// Waits in `turns` turns of the scheduler; for ever from [`FOR_EVER`] on.
    async fn linger(&self, key: &str, turns: u32) -> Result<(), RpcError>;
}

pub(crate) const FOR_EVER: u32 = u32::MAX;

#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) ran: AtomicU64,
    pub(crate) started: Notify,
}

pub(crate) struct Provider(pub(crate) Arc<Watch>);

impl Provider {
    fn count(&self) -> u64 {
        self.0.ran.fetch_add(1, Ordering::SeqCst)
    }
}

impl Probe for Provider {
    async fn write(&self, _key: &str) -> Result<u64, RpcError> {
        Ok(self.count())
    }
    async fn read(&self, _key: &str) -> Result<u64, RpcError> {
        Ok(self.count())
    }
    async fn put(&self, _key: &str) -> Result<u64, RpcError> {
        Ok(self.count())
    }
    async fn linger(&self, _key: &str, turns: u32) -> Result<(), RpcError> {
        self.count();
        self.0.started.notify_one();
        if turns == FOR_EVER {
            std::future::pending::<()>().await;
        }
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}
