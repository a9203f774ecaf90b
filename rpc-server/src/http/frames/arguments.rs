//! The arguments of calls as they come in, whole or in pieces, within what a node's request bodies may hold together.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use rpc_core::codec::pieces;
use rpc_core::transport::frames::{Fault, Of, Parts};
use rpc_core::{Kind, RpcError};

use crate::memory::{Share, Unread};
use crate::node::Node;

/// Arguments up to this size are not counted, in bytes: 10,000 calls of them are 40 MiB.
const UNCOUNTED: usize = 4 << 10;

/// What a caller is told to wait whose arguments found no memory: about the time in which some calls end.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// The arguments of one connection's calls, of which some may be under way in parts.
pub(super) struct Arguments {
    node: Node,
    parts: Parts,
    /// Of each message in parts; `None` for one that found no memory, whose further parts are thrown away.
    shares: HashMap<u64, Option<Share>>,
    most_open: usize,
}

impl Arguments {
    pub(super) fn new(node: Node, max_message: usize, most_open: usize) -> Self {
        Self { node, parts: Parts::new(max_message, most_open), shares: HashMap::new(), most_open }
    }

    /// Whether nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }

    /// Takes a part.
    ///
    /// # Errors
    /// The message is longer than was agreed, or too many are under way.
    pub(super) fn add(&mut self, request: u64, bytes: &[u8]) -> Result<(), Fault> {
        if self.shares.len() >= self.most_open && !self.shares.contains_key(&request) {
            return Err(Fault::TooManyParts { most: self.most_open });
        }
        let share = self.shares.entry(request).or_insert_with(|| Some(self.node.body_memory().share()));
        let has_room = share.as_mut().is_some_and(|share| share.grow(bytes.len()).is_ok());
        if has_room {
            return self.parts.add(Of::Call, request, bytes);
        }
        *share = None;
        self.parts.discard(Of::Call, request);
        Ok(())
    }

    /// The whole arguments of a call, whose last piece, or all of them, stand as `last` in `frames`; or that there is no memory for them.
    ///
    /// # Errors
    /// The message is longer than was agreed.
    pub(super) fn whole(
        &mut self,
        frames: &Bytes,
        request: u64,
        last: &[u8],
    ) -> Result<Result<Bytes, RpcError>, Fault> {
        // Mostly nothing is under way at all.
        let share = if self.shares.is_empty() { None } else { self.shares.remove(&request) };
        let mut share = match share {
            Some(None) => return Ok(Err(no_memory())),
            Some(share) => share,
            None if last.len() > UNCOUNTED => Some(self.node.body_memory().share()),
            None => None,
        };
        let whole = self.parts.finish(Of::Call, request, last)?;
        if let Some(share) = &mut share
            && share.grow(last.len()) == Err(Unread::NoMemory)
        {
            return Ok(Err(no_memory()));
        }
        let whole = whole.map_or_else(|| slice(frames, last), Bytes::from);
        Ok(Ok(match share {
            Some(share) => share.keep(whole),
            None => whole,
        }))
    }

    /// Forgets what has come of a call that was taken back.
    pub(super) fn discard(&mut self, request: u64) {
        if self.shares.remove(&request).is_some() {
            self.parts.discard(Of::Call, request);
        }
    }
}

/// The arguments of a call, out of what was read: copied, unless they are most of it, which a call that waits for long would keep alive.
fn slice(frames: &Bytes, payload: &[u8]) -> Bytes {
    if payload.len() < frames.len() / 2 { pieces::copied(payload) } else { frames.slice_ref(payload) }
}

fn no_memory() -> RpcError {
    RpcError::new(
        Kind::Overloaded,
        "the bodies that this node is reading or working on hold as much memory as they may",
    )
    .with_retry_after(RETRY_AFTER)
}
