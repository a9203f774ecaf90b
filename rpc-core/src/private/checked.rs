//! What the types of a method must be able to do, asked in one place, so that a type that cannot is one message.
//!
//! The compiler reports an unmet bound in each function that needs it, and generated code needs it in several. They all go through
//! [`Checked`], whose parameter says that the bounds were asked. Where one is unmet the parameter is itself an error, and so is
//! everything that is made from it: of that the compiler says nothing more.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::merge::Merge;
use crate::service::{Failure, Value};

/// A method whose types were asked for what they must be able to do.
pub struct Checked<const PASSED: bool>;

/// The way through a check to what needs it.
pub trait Passed {
    /// `T`.
    type Of<T>;

    /// The value itself.
    fn pass<T>(value: T) -> Self::Of<T>;
}

impl Passed for Checked<true> {
    type Of<T> = T;

    #[inline(always)]
    fn pass<T>(value: T) -> T {
        value
    }
}

/// What an argument must be able to do, in one word, so that one type that cannot is one message.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of an rpc method",
    label = "needs `Serialize + DeserializeOwned + Send`",
    note = "derive `serde::Serialize` and `serde::Deserialize` for a type of your own",
    note = "a type with a lifetime has nothing to borrow from once it is decoded: take an owned type",
    note = "for `Arc` and `Rc` enable serde's feature `rc`; for an array of more than 32 items take a `Vec`"
)]
pub trait Argument {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send> Argument for T {}

/// What a method returns, as its two types, whatever they can do.
#[diagnostic::on_unimplemented(
    message = "an rpc method cannot return `{Self}`",
    label = "must be `Result<T, E>`",
    note = "`E` can be `RpcError`, or an error of your own that is `From<RpcError>`"
)]
pub trait Returned {
    /// The value.
    type Value;
    /// The service's own error.
    type Failure;
}

impl<T, E> Returned for Result<T, E> {
    type Value = T;
    type Failure = E;
}

/// What a stream yields, as its two types, whatever they can do.
#[diagnostic::on_unimplemented(
    message = "the stream of an rpc method cannot yield `{Self}`",
    label = "its items must be `Result<T, E>`",
    note = "a stream can be cut off like any call, and what ended it is then its last item"
)]
pub trait Yielded {
    /// The value.
    type Value;
    /// The service's own error.
    type Failure;
}

impl<T, E> Yielded for Result<T, E> {
    type Value = T;
    type Failure = E;
}

/// The error of a method and that of the items of its stream.
#[diagnostic::on_unimplemented(
    message = "the items of the stream fail with `{Self}`, the method itself with `{Other}`",
    label = "must be the error type of the method",
    note = "what ends a stream early, on its way or at its node, is its last item"
)]
pub trait SameFailure<Other> {}

impl<E> SameFailure<E> for E {}

/// Fails to compile, at the items' error type, when the method itself fails with another.
pub const fn same_failure<Item: SameFailure<Method>, Method>() {}

/// Fails to compile, at the argument's type, when it cannot be sent.
pub const fn argument<T: Argument>() {}

/// Fails to compile, at the value's type, when it cannot be sent back.
pub const fn value<T: Value>() {}

/// Fails to compile, at the error's type, when it cannot be sent back or made of ours.
pub const fn failure<E: Failure>() {}

/// Fails to compile, at the value's type, when the values of all nodes cannot be merged.
pub const fn mergeable<T: Merge>() {}
