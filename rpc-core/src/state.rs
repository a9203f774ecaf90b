//! State that follows its slot: what a provider keeps for the slots of its node, and how it goes along when a slot moves.

pub mod registry;
pub mod slots;

use bytes::Bytes;

pub use registry::States;
pub use slots::Slots;

use crate::slot::Slot;

/// State of a provider, kept slot by slot. `Slots` is one; a provider with a store of its own implements it itself.
///
/// A slot is in at most one copy at a time. No method is called for a slot while another call for the same slot is going on, but
/// calls for different slots come at the same time, and the provider's own methods run at any time.
///
/// What these methods do must be short: they run between calls. A piece is bounded for that reason. A store that waits for a disk
/// says so in [`waits`](Self::waits); then [`pull`](Self::pull), [`entries`](Self::entries), [`stage`](Self::stage) and
/// [`staged`](Self::staged) may wait, and an error of theirs ends the move while its source serves on. The other methods must not
/// wait: they come for many slots in a row, under a lock of the node's and while callers wait for the slots. A store takes note of
/// them in memory, and clears away afterwards, by itself, what nobody can see any more. The example `url_shortener` has such a store.
pub trait SlotState: Send + Sync + 'static {
    /// Whether copying waits for a disk, or for another program: it is then done where that keeps no call from running, if the
    /// node's runtime has several threads.
    fn waits(&self) -> bool {
        false
    }

    /// Starts to keep track of changes to `slot`, so that [`pull`](Self::pull) gives first everything there is, then what changed.
    fn begin_copy(&self, slot: Slot) -> Result<(), StateError>;

    /// The next piece of the copy, of about `max_bytes`: a snapshot in pieces, then what has changed since. A later piece may hold
    /// a key again, and then holds its later value.
    fn pull(&self, slot: Slot, max_bytes: usize) -> Result<Pulled, StateError>;

    /// Stops to keep track of changes: the copy is over, or was given up.
    fn end_copy(&self, slot: Slot);

    /// How many entries `slot` has, to compare both ends of a copy.
    fn entries(&self, slot: Slot) -> Result<u64, StateError>;

    /// Takes a piece of a copy of another node's `slot`, beside whatever is served here, and never in its place.
    fn stage(&self, slot: Slot, piece: &[u8]) -> Result<(), StateError>;

    /// How many entries were staged for `slot`. Asked once the copy is complete and before the slot changes hands, so that a store
    /// makes sure here that what it was given is safe.
    fn staged(&self, slot: Slot) -> Result<u64, StateError>;

    /// Throws away what was staged for `slot`.
    fn discard(&self, slot: Slot);

    /// This node owns `slot` from now on, in this epoch.
    fn open(&self, slot: Slot, epoch: u64, content: Content) -> Result<(), StateError>;

    /// This node does not serve `slot` any more. What it holds stays until [`forget`](Self::forget), to recover from, but takes no
    /// change: a provider's poll that ends too late must find it closed.
    fn close(&self, slot: Slot);

    /// Drops what is held of `slot`.
    fn forget(&self, slot: Slot);
}

/// A piece of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The piece, in a form that [`SlotState::stage`] of the same type and version reads; empty if there is nothing new.
    pub piece: Bytes,
    /// About how many entries are still to be pulled, as of now.
    pub pending: u64,
}

/// What a slot begins with at a new owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// With nothing: nobody had it before, or what it held is lost. What a store may have of it is older than that, and must not
    /// be seen again.
    Empty,
    /// With what was staged.
    Staged,
    /// With what this node still holds of it: a move did not come about, or the cluster is fixed, and the slot has never been anybody
    /// else's.
    Kept,
}

/// Why state cannot be copied or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// A piece cannot be read: it was written by another version, or was damaged.
    #[error("a piece of slot {slot} of {state} cannot be read: {why}")]
    Unreadable {
        /// Whose state.
        state: String,
        /// Which slot.
        slot: Slot,
        /// Why.
        why: String,
    },
    /// The store behind it failed.
    #[error("the state {state} failed: {why}")]
    Store {
        /// Whose state.
        state: String,
        /// Why.
        why: String,
    },
}
