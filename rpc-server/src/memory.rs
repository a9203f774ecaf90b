//! The memory of request bodies: counted as they come in, before anything else limits them, until the last call lets go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is larger than a message may be.
    TooLarge,
    /// It broke off, or came too slowly.
    BrokenOff,
    /// All bodies together take as much memory as they may.
    NoMemory,
}

/// The bytes that all bodies of a node may hold together.
#[derive(Debug)]
pub(crate) struct Memory {
    // A count of its own: nothing is published through it, so relaxed will do.
    taken: AtomicUsize,
    limit: usize,
}

impl Memory {
    /// Room for `limit` bytes.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { taken: AtomicUsize::new(0), limit })
    }

    /// Nothing yet, and room for more.
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        Share { memory: self.clone(), bytes: 0 }
    }

    #[cfg(test)]
    fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

/// What one body takes; given back on drop.
#[derive(Debug)]
pub(crate) struct Share {
    memory: Arc<Memory>,
    bytes: usize,
}

impl Share {
    /// Takes so many bytes more.
    ///
    /// # Errors
    /// [`Unread::NoMemory`].
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Unread> {
        // Taken first, so that Drop gives it back also when it was too much.
        self.bytes += bytes;
        let before = self.memory.taken.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.memory.limit {
            return Err(Unread::NoMemory);
        }
        Ok(())
    }

    /// Goes with `body`, until its last slice is dropped.
    pub(crate) fn keep(self, body: Bytes) -> Bytes {
        Bytes::from_owner(Counted { body, _share: self })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A whole body with its share, which goes with the last slice of it.
struct Counted {
    body: Bytes,
    _share: Share,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

/// Reads a body of at most `limit` bytes. Bytes are counted as they come, not as they are announced: announcing is free.
///
/// # Errors
/// [`Unread`] for a body that is too large, breaks off, or finds no memory left.
///
/// # Cancel safety
/// Dropping the future gives the memory back.
pub(crate) async fn read(body: Body, limit: usize, memory: &Arc<Memory>) -> Result<Bytes, Unread> {
    let mut share = memory.share();
    let mut body = Limited::new(body, limit);
    let mut whole = Whole::One(Bytes::new());
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                // Trailers mean nothing here.
                let Ok(data) = frame.into_data() else { continue };
                share.grow(data.len())?;
                whole = whole.and(data);
            }
            Err(error) if error.is::<LengthLimitError>() => return Err(Unread::TooLarge),
            Err(_) => return Err(Unread::BrokenOff),
        }
    }
    Ok(share.keep(whole.into_bytes()))
}

/// A body in one piece stays where it is; a second piece makes it be copied together, so that many small ones cost no more
/// than their bytes.
enum Whole {
    One(Bytes),
    Joined(BytesMut),
}

impl Whole {
    fn and(self, more: Bytes) -> Self {
        let mut joined = match self {
            Self::One(first) if first.is_empty() => return Self::One(more),
            Self::One(first) => BytesMut::from(first),
            Self::Joined(joined) => joined,
        };
        joined.extend_from_slice(&more);
        Self::Joined(joined)
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::One(bytes) => bytes,
            Self::Joined(bytes) => bytes.freeze(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_gives_its_memory_back_with_its_last_slice() {
        let memory = Memory::new(8);
        let body = read(Body::from("12345"), 100, &memory).await.expect("room");
        let slice = body.slice(1..2);
        drop(body);
        assert_eq!(memory.taken(), 5);
        let refused = read(Body::from("1234"), 100, &memory).await;
        assert!(refused.is_err() && memory.taken() == 5);
        drop(slice);
        assert_eq!(memory.taken(), 0);
    }

    #[tokio::test]
    async fn pieces_are_joined_in_order() {
        let pieces = ["ab", "", "c", "def"].map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece)));
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        let memory = Memory::new(100);
        assert_eq!(&read(body, 6, &memory).await.expect("room")[..], b"abcdef");
        assert_eq!(memory.taken(), 0);
    }
}
