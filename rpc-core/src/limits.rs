//! The bounds of messages, clusters and waits, each with its reason.

use std::time::Duration;

/// Most nodes a map can name over its life: the owner's index has 16 bits, and 0 stands for "nobody".
pub const MAX_NODES: usize = 4096;

/// Largest request or reply, in bytes: 4 MiB holds any sane argument and keeps 10,000 of them from filling a node at once.
pub const MAX_MESSAGE: usize = 4 << 20;

/// What an envelope may add to a message's arguments or value, in bytes.
pub const ENVELOPE_ROOM: usize = 16 << 10;

/// Most requests in one batch: enough to save round trips, too few to hold a node up for long.
pub const MAX_BATCH: usize = 100;

/// Most hops of one call: gateway, old owner, new owner, and one to spare. More is a loop.
pub const MAX_HOPS: u8 = 4;

/// Longest wait for a connection to a peer: a packet's way and one retransmission of a lost SYN (1 s).
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an idle connection is kept by the dialing side. It must be below the serving side's, or a request could meet a
/// connection that its server is just closing.
pub const CLIENT_IDLE: Duration = Duration::from_secs(5);

/// Idle connections kept to one peer: as many as calls that come in a burst again and again.
pub const IDLE_PER_PEER: usize = 256;

/// Calls waiting to be taken back from one peer: more than a peer admits at once, in under half a MiB. Further ones are left to
/// the deadline.
pub const MAX_CANCELS: usize = 16_384;

/// How long a cancellation may take: it is of no use afterwards.
pub const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);
