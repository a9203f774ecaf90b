//! What a method that has run may answer.

use std::any::Any;

use crate::error::{Executed, RpcError};
use crate::service::MethodResult;

/// What a method answered, after it has run. Where its own error is an [`RpcError`], handed on from a call of its own that was
/// not executed, that error would tell the caller that this method had not run either: it has, at least in part.
pub(crate) fn ran<R: MethodResult>(answer: R) -> R {
    match answer.into_result() {
        Ok(value) => R::from_result(Ok(value)),
        Err(mut failure) => {
            if let Some(error) = (&mut failure as &mut dyn Any).downcast_mut::<RpcError>() {
                *error = error.clone().at_least(Executed::Maybe);
            }
            R::from_result(Err(failure))
        }
    }
}
