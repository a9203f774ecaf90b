//! The service: which address a code stands for. Each code is kept by the node that owns its slot, and by no other.

use serde::{Deserialize, Serialize};
use url::Url;
use wherever::{Context, Inject, Kind, PerNode, RpcError, rpc_provider, rpc_service};

use crate::address;
use crate::disk::{Disk, DiskError, Place};

/// Short codes and what they stand for.
#[rpc_service]
pub(crate) trait UrlStore {
    /// Makes `code` stand for `url`, for good: another address under the same code is refused.
    ///
    /// Putting the same pair twice does no harm, so a call may be repeated when nobody knows whether it arrived.
    #[rpc(idempotent)]
    async fn put(&self, code: String, url: Url) -> Result<(), StoreError>;

    /// What `code` stands for.
    #[rpc(read)]
    async fn get(&self, code: &str) -> Result<Option<Url>, StoreError>;

    /// How many codes all nodes keep together.
    #[rpc(read, all)]
    async fn count(&self) -> Result<u64, StoreError>;

    /// How many codes each node keeps; a node that does not answer is left out.
    #[rpc(read, all(partial))]
    async fn count_by_node(&self) -> Result<PerNode<u64>, StoreError>;
}

/// Why the store did not do as asked. It travels between nodes as it is.
#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum StoreError {
    /// The code stands for another address.
    #[error("the code {0} stands for another address already")]
    Taken(String),
    /// The code or the address is none that is kept here.
    #[error("{0}")]
    Refused(String),
    /// The owner's file failed.
    #[error("the owner's file: {0}")]
    Disk(String),
    /// The owner did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

impl From<DiskError> for StoreError {
    fn from(error: DiskError) -> Self {
        match error {
            // Nothing happened to the file: the slot went on while the call ran.
            DiskError::NotHere { .. } => RpcError::new(Kind::WrongEpoch, error.to_string()).into(),
            error => Self::Disk(error.to_string()),
        }
    }
}

/// One node's share of the codes, in its own file: those of the slots that it owns at the time.
#[derive(Inject)]
pub(crate) struct Urls {
    disk: Disk,
}

/// The slot that the running call is about, in the epoch in which it may touch it.
fn place() -> Result<Place, RpcError> {
    let context = Context::current();
    let place = context.and_then(|context| Some(Place { slot: context.slot()?, epoch: context.epoch() }));
    place.ok_or_else(|| RpcError::new(Kind::Internal, "codes are kept by slots, and only a call on a node has one"))
}

#[rpc_provider]
impl UrlStore for Urls {
    async fn put(&self, code: String, url: Url) -> Result<(), StoreError> {
        if !address::is_code(&code) {
            return Err(StoreError::Refused("a code is 1 to 64 letters, digits, - or _".to_owned()));
        }
        address::check(&url).map_err(|bad| StoreError::Refused(bad.to_string()))?;
        let kept = self.disk.put(place()?, code.clone(), url.to_string()).await?;
        if kept { Ok(()) } else { Err(StoreError::Taken(code)) }
    }

    async fn get(&self, code: &str) -> Result<Option<Url>, StoreError> {
        let Some(text) = self.disk.get(place()?, code.to_owned()).await? else { return Ok(None) };
        Url::parse(&text).map(Some).map_err(|bad| StoreError::Disk(format!("it holds no address under {code}: {bad}")))
    }

    async fn count(&self) -> Result<u64, StoreError> {
        Ok(self.disk.count())
    }

    async fn count_by_node(&self) -> Result<PerNode<u64>, StoreError> {
        Ok(PerNode::here(self.disk.count()))
    }
}
