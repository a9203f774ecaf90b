//! The bounds of messages, clusters and waits, each with its reason.

use std::time::Duration;

/// Most nodes a map can name over its life: the owner's index has 16 bits, and 0 stands for "nobody".
pub const MAX_NODES: usize = 4096;

/// Epochs end below this, since a slot's word has 48 bits for one; at a move a second that is nine million years.
pub const EPOCHS: u64 = 1 << 48;

/// Most groups of one program or one map; each that is used costs 256 KiB of tables.
pub const MAX_GROUPS: usize = 256;

/// Longest id of a node, in bytes: a host name has at most 253, and a port five.
pub const MAX_NODE_ID: usize = 260;

/// Largest request or reply, in bytes: 4 MiB holds any sane argument and keeps 10,000 of them from filling a node at once.
pub const MAX_MESSAGE: usize = 4 << 20;

/// What an envelope may add to a message's arguments or value, in bytes.
pub const ENVELOPE_ROOM: usize = 16 << 10;

/// Most requests in one batch: enough to save round trips, too few to hold a node up for long.
pub const MAX_BATCH: usize = 100;

/// The replies of one batch hold together as much as so many of the largest: a full batch of those would fill 400 MiB.
pub const BATCH_REPLIES: usize = 4;

/// Memory of the request bodies that a node holds at once, unless configured, in bytes: 64 of the largest, or 16 KiB for each
/// of 10,000 calls and room to spare. Bodies beyond it are refused while they are read.
pub const MAX_BODY_MEMORY: usize = 256 << 20;

/// Most hops of one call: gateway, old owner, new owner, and one to spare. More is a loop.
pub const MAX_HOPS: u8 = 4;

/// Longest wait for a connection to a peer: a packet's way and one retransmission of a lost SYN (1 s).
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an idle connection is kept by the dialing side. It must be below the serving side's, or a request could meet a
/// connection that its server is just closing.
pub const CLIENT_IDLE: Duration = Duration::from_secs(5);

/// Idle connections kept to one peer: as many as calls that come in a burst again and again.
pub const IDLE_PER_PEER: usize = 256;

/// Requests under way to one peer at once, unless configured; further calls wait for their turn. Each is a connection, and so a
/// descriptor at either end: this is twice what is kept of idle ones, far more than a peer works on at once, and leaves a process that may have
/// 1,024 descriptors room for others. Calls that a running call waits for are not counted.
pub const IN_FLIGHT_PER_PEER: usize = 512;

/// Calls waiting to be taken back from one peer: more than a peer admits at once, in under half a MiB. Further ones are left to
/// the deadline.
pub const MAX_CANCELS: usize = 16_384;

/// How long a cancellation may take: it is of no use afterwards.
pub const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long one answer of a move's source may take: the bounded drain of its slots (1 s) and a large piece on a slow line.
pub const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(5);
