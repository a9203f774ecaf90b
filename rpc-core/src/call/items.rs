//! The items of a stream on their way to the caller, encoded.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use super::Outcome;
use crate::error::{Kind, RpcError};

/// Where the items of a stream come from: a provider on this node, or a connection to another. Dropping it ends the stream, wherever it runs.
pub trait Source: Send {
    /// The next item: a value or an error of the provider's, encoded, never itself a stream. Nothing behind the last one. An error of the
    /// framework ends the stream.
    ///
    /// If no item `is_wanted`, because nobody has room for one, the provider is left alone, and only an end that is not its doing is told.
    fn poll_item(&mut self, cx: &mut Context<'_>, is_wanted: bool) -> Poll<Option<Result<Outcome, RpcError>>>;
}

/// The items of a stream, for the one who takes them. Clones are of the same stream.
#[derive(Clone)]
pub struct Items(Arc<Mutex<Option<Box<dyn Source>>>>);

impl Items {
    /// The items that come from `source`.
    pub fn new(source: impl Source + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(source)))))
    }

    /// Takes them.
    ///
    /// # Errors
    /// [`Kind::Internal`] if somebody has.
    pub fn take(&self) -> Result<Box<dyn Source>, RpcError> {
        let source = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        source.ok_or_else(|| RpcError::new(Kind::Internal, "somebody else has taken the stream's items"))
    }
}

/// What is said of an item that is itself a stream, which no source gives.
#[cold]
pub fn nested() -> RpcError {
    RpcError::new(Kind::Internal, "an item of a stream is itself a stream")
}

impl fmt::Debug for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Items(…)")
    }
}

impl PartialEq for Items {
    /// Two streams are alike only if they are the same one.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Items {}
