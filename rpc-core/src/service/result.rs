//! What an annotated method may return.

use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::RpcError;

/// What a method returns: a `Result`, by whatever alias.
#[diagnostic::on_unimplemented(
    message = "an rpc method cannot return `{Self}`",
    label = "must be `Result<T, E>`",
    note = "`T` needs `Serialize + DeserializeOwned + Send + 'static`",
    note = "`E` needs `Display + From<RpcError> + Serialize + DeserializeOwned + Send + 'static`; `RpcError` itself will do"
)]
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

#[diagnostic::do_not_recommend]
impl<T, E> MethodResult for Result<T, E>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    E: Display + From<RpcError> + Serialize + DeserializeOwned + Send + 'static,
{
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
