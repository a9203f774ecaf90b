//! Why a value cannot be a key.

use std::fmt::Display;

use serde::ser;

use crate::codec::envelope::MAX_DEPTH;
use crate::error::text::bounded;

/// Why a value cannot be a key, and what to use instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A float, somewhere in the value.
    #[error("a floating-point number cannot be part of a key: floats do not compare exactly; use an integer or text")]
    Float,
    /// A map whose keys cannot be the member names of a JSON object.
    #[error("{0} cannot name a map entry inside a key: use text, an integer, a bool or a char, or a list of pairs")]
    MemberName(&'static str),
    /// Two entries of a map have equal names once written as text.
    #[error(
        "a map inside a key has two entries named `{0}` once its keys are written as text; keep its keys of one type"
    )]
    Duplicate(String),
    /// Raw JSON text, which has many spellings for one value.
    #[error("raw JSON cannot be part of a key: one value has many spellings; use the value's own type, or text")]
    RawJson,
    /// Nested deeper than a JSON argument may be.
    #[error("a key nested deeper than {MAX_DEPTH} levels cannot be sent; use a flat field of it as the key")]
    TooDeep,
    /// The value's own `Serialize` failed.
    #[error("the key's value refused to be serialized: {0}")]
    Refused(String),
}

impl KeyError {
    pub(super) fn duplicate(name: String) -> Self {
        Self::Duplicate(bounded(name))
    }
}

impl ser::Error for KeyError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Refused(bounded(message.to_string()))
    }
}
