//! A call on its way, wherever it goes.

use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use futures_util::future::BoxFuture;

use super::far::Sent;
use super::near::Running;
use crate::error::RpcError;
use crate::service::MethodResult;

/// A call that generated code awaits. One type for all ways it can go: a generated method then has nothing else to keep while it
/// waits, and a near call is moved into its future once.
#[must_use = "futures do nothing unless polled"]
pub enum UnderWay<'a, R> {
    /// To a provider in this process.
    Near(Running<'a, R>),
    /// Out of this process, or as if it were.
    Far(Sent<'a, R>),
    /// To a task of its own, or nowhere.
    Boxed(BoxFuture<'a, R>),
}

impl<R: MethodResult> UnderWay<'_, R> {
    /// A call that goes nowhere.
    #[cold]
    pub fn refused(error: RpcError) -> Self {
        Self::Boxed(Box::pin(std::future::ready(R::refused(error))))
    }
}

impl<R: MethodResult> Future for UnderWay<'_, R> {
    type Output = R;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<R> {
        match self.get_mut() {
            Self::Near(running) => Pin::new(running).poll(cx),
            Self::Far(sent) => Pin::new(sent).poll(cx),
            Self::Boxed(future) => future.as_mut().poll(cx),
        }
    }
}
