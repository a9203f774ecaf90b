//! Whether a call ran: the one thing a caller must know before trying again.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether the provider's method was polled for a call that failed.
///
/// Ordered by how much may have happened, so that the verdict over several tries or nodes is the greatest of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Executed {
    /// It was not: trying again is safe for every method.
    No,
    /// It may have been, wholly or in part: trying again is safe for `read` and `idempotent` methods only.
    Maybe,
    /// It was, to its end, and only the answer could not be delivered.
    Yes,
}

impl fmt::Display for Executed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::No => "no",
            Self::Maybe => "maybe",
            Self::Yes => "yes",
        })
    }
}
