//! What generated code calls. Nothing here is for people; it changes with the macros.

mod checked;

pub use bytes::Bytes;
pub use checked::{Argument, Checked, Passed, Returned, Yielded, argument, failure, mergeable, same_failure, value};
pub use futures_util::future::BoxFuture;
pub use inventory;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::call::Reply;
pub use crate::client::streamed::{StreamResult, Streamed, refused as refused_stream};
pub use crate::client::typed::{ServiceClient, merge_replies};
pub use crate::client::{Client, Far, Near, Route, UnderWay};
pub use crate::codec::args::{Args, ArgsWriter};
pub use crate::codec::payload::Payload;
pub use crate::error::RpcError;
pub use crate::inject::{Inject, InjectError, Injector, LinkedProvider};
pub use crate::provider::incoming::{Entry, Incoming, Key};
pub use crate::provider::{Provider, Service, Yield};
pub use crate::service::{
    Balancing, Compact, LinkedService, MethodDescriptor, Partial, Routing, ServiceDescriptor, Trials,
};
pub use crate::slot::Slot;

use crate::client::typed::read_value;
use crate::codec::envelope::{MAX_DEPTH, depth_within};
use crate::codec::finite::EncodeError;
use crate::codec::payload::{Codec, Unwritable};
use crate::error::{Executed, Kind};
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

/// The arguments that `write` writes, as JSON: what came of decoding those of a call.
///
/// # Errors
/// [`Kind::Encode`], not executed, when they have no JSON.
pub fn arguments_to_json(
    method: &str,
    write: impl FnOnce(&mut ArgsWriter) -> Result<(), EncodeError>,
) -> Result<Bytes, RpcError> {
    let mut args = ArgsWriter::new();
    let written = write(&mut args).map_err(|error| Unwritable::of(Codec::Json, error));
    let params = args.finish();
    let is_flat = depth_within(params.bytes(), MAX_DEPTH + 1);
    let written = written.and(if is_flat { Ok(()) } else { Err(Unwritable::TooDeep) });
    written.map(|()| params.bytes().clone()).map_err(|why| {
        let message = format!("an argument of {method} {why}, and the node that runs it is not of this build");
        RpcError::new(Kind::Encode, message).with_executed(Executed::No)
    })
}

/// A method's value, in either codec, as JSON.
///
/// # Errors
/// [`Kind::Decode`] when it is none, [`Kind::Encode`] when it has no JSON.
pub fn value_to_json<R: MethodResult>(payload: &Payload) -> Result<Bytes, RpcError> {
    answer_to_json::<R::Value>(payload)
}

/// As [`value_to_json`], of the service's own error.
///
/// # Errors
/// As there.
pub fn failure_to_json<R: MethodResult>(payload: &Payload) -> Result<Bytes, RpcError> {
    answer_to_json::<R::Failure>(payload)
}

fn answer_to_json<T: Serialize + DeserializeOwned>(payload: &Payload) -> Result<Bytes, RpcError> {
    let value: T = read_value(payload)?;
    Payload::written(Codec::Json, &value).map(|json| json.bytes().clone()).map_err(|why| {
        let message = format!("the method ran, but its reply {why}, and the caller is not of this node's build");
        RpcError::new(Kind::Encode, message).with_executed(Executed::Yes)
    })
}

/// A call that goes nowhere, and answers with the service's error for an error of the framework.
pub fn refused<'a, R: MethodResult>(error: RpcError) -> UnderWay<'a, R> {
    UnderWay::refused(error)
}
