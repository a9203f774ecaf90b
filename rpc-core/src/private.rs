//! What generated code calls. Nothing here is for people; it changes with the macros.

mod checked;

pub use checked::{Argument, Checked, Passed, Returned, argument, failure, mergeable, value};
pub use futures_util::future::BoxFuture;
pub use inventory;
use serde::Serialize;

pub use crate::call::Reply;
pub use crate::client::typed::{ServiceClient, merge_replies};
pub use crate::client::{Client, Far, Near, Route, UnderWay};
pub use crate::codec::args::{Args, ArgsWriter};
pub use crate::error::RpcError;
pub use crate::inject::{Inject, InjectError, Injector, LinkedProvider};
pub use crate::provider::incoming::{Entry, Incoming, Key};
pub use crate::provider::{Provider, Service};
pub use crate::service::{Balancing, LinkedService, MethodDescriptor, Partial, Routing, ServiceDescriptor};
pub use crate::slot::Slot;

use crate::error::Kind;
use crate::route::key;
use crate::service::MethodResult;

/// The slot of a key of one component.
///
/// # Errors
/// [`Kind::BadKey`] when it cannot be hashed.
#[inline]
pub fn slot_of<T: Serialize + ?Sized>(component: &T) -> Result<Slot, RpcError> {
    key::slot_of(component).map_err(|error| bad_key(&error))
}

#[cold]
fn bad_key(error: &key::KeyError) -> RpcError {
    RpcError::new(Kind::BadKey, format!("the key cannot be hashed: {error}"))
}

/// A key of several components in the making; the first failure is kept.
#[derive(Default)]
pub struct KeyParts(Option<RpcError>, key::Key);

impl KeyParts {
    /// A key without components yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a component.
    #[must_use]
    pub fn and<T: Serialize + ?Sized>(mut self, component: &T) -> Self {
        if self.0.is_none() {
            self.0 = self.1.push(component).err().map(|error| bad_key(&error));
        }
        self
    }

    /// The slot.
    ///
    /// # Errors
    /// [`Kind::BadKey`] when a component cannot be hashed.
    pub fn slot(self) -> Result<Slot, RpcError> {
        match self.0 {
            Some(error) => Err(error),
            None => Ok(self.1.slot()),
        }
    }
}

/// A call that goes nowhere, and answers with the service's error for an error of the framework.
pub fn refused<'a, R: MethodResult>(error: RpcError) -> UnderWay<'a, R> {
    UnderWay::refused(error)
}
