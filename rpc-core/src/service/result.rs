//! What an annotated method may return.

use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::RpcError;

/// What a method returns: a `Result`, by whatever alias.
pub trait MethodResult: Send + 'static {
    /// The value.
    type Value: Serialize + DeserializeOwned + Send + 'static;
    /// The service's own error.
    type Failure: Display + From<RpcError> + Serialize + DeserializeOwned + Send + 'static;

    /// This as a plain `Result`.
    ///
    /// # Errors
    /// The service's own error, if this is one.
    fn into_result(self) -> Result<Self::Value, Self::Failure>;

    /// A plain `Result` as this.
    fn from_result(result: Result<Self::Value, Self::Failure>) -> Self;

    /// The framework's error as the service's.
    fn refused(error: RpcError) -> Self;
}

/// What the value of a method must be able to do, in one word, so that one type that cannot is one message.
#[diagnostic::on_unimplemented(
    message = "an rpc method cannot return a value of the type `{Self}`",
    label = "the value needs `Serialize + DeserializeOwned + Send + 'static`",
    note = "derive `serde::Serialize` and `serde::Deserialize` for a type of your own"
)]
pub trait Value: Serialize + DeserializeOwned + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Value for T {}

/// What the error of a method must be able to do, in one word as well.
#[diagnostic::on_unimplemented(
    message = "an rpc method cannot fail with a `{Self}`",
    label = "the error needs `Display + From<RpcError> + Serialize + DeserializeOwned + Send + 'static`",
    note = "`From<RpcError>` lets a call that is lost on its way be one of your errors; `RpcError` itself will do"
)]
pub trait Failure: Display + From<RpcError> + Serialize + DeserializeOwned + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<E: Display + From<RpcError> + Serialize + DeserializeOwned + Send + 'static> Failure for E {}

impl<T: Value, E: Failure> MethodResult for Result<T, E> {
    type Value = T;
    type Failure = E;

    fn into_result(self) -> Self {
        self
    }

    fn from_result(result: Self) -> Self {
        result
    }

    fn refused(error: RpcError) -> Self {
        Err(E::from(error))
    }
}
