//! Where an embedded coordinator writes each step before it answers, so that a restart loses nothing.

use super::store::{Kept, Step};

/// A journal. It is used by one thread at a time, and may block.
pub trait Journal: Send + 'static {
    /// Everything that was kept, to begin with.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be read, or makes no sense.
    fn load(&mut self) -> Result<Kept, JournalError>;

    /// Writes a step, so that it outlasts the process and the machine. On an error it may or may not be written.
    ///
    /// # Errors
    /// [`JournalError`] of the disk.
    fn append(&mut self, step: &Step) -> Result<(), JournalError>;

    /// The number of the last step that was written for good; asked after an `append` that failed.
    ///
    /// # Errors
    /// [`JournalError`] when that cannot be known now.
    fn last(&mut self) -> Result<u64, JournalError>;
}

/// Why a journal cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JournalError(pub String);
