//! A call that leaves this process: encode, hand to the router, decode.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{self, Poll, ready};

use futures_util::future::BoxFuture;

use super::typed::read_value;
use super::{UnderWay, Wherever, nested_path};
use crate::call::id::Numbered;
use crate::call::{Call, Context, Deadline, Outcome, Path, Reply, Target};
use crate::codec::args::ArgsWriter;
use crate::codec::envelope::{MAX_DEPTH, depth_within};
use crate::codec::finite::EncodeError;
use crate::codec::payload::{Codec, Payload, Unwritable};
use crate::error::{Executed, Kind, RpcError};
use crate::service::{Compact, MethodDescriptor, MethodResult};

/// A call that is to be sent.
pub struct Far<'a> {
    wherever: &'a Wherever,
    method: &'static MethodDescriptor,
    target: Target,
    path: Path,
}

impl<'a> Far<'a> {
    pub(super) fn new(
        wherever: &'a Wherever,
        method: &'static MethodDescriptor,
        target: Target,
    ) -> Result<Self, RpcError> {
        Ok(Self { wherever, method, target, path: nested_path()? })
    }

    /// Sends the call with the arguments that `write` writes, and reads the reply as the method's type.
    ///
    /// # Cancel safety
    /// Dropping the future takes the call back: nothing is sent that was not sent yet, and the callee is told.
    pub fn call<R: MethodResult>(self, write: impl Fn(&mut ArgsWriter) -> Result<(), EncodeError>) -> UnderWay<'a, R> {
        self.begin(write).map_or_else(UnderWay::refused, UnderWay::Far)
    }

    /// Encodes the arguments, and hands the call on.
    pub(super) fn begin<R>(
        self,
        write: impl Fn(&mut ArgsWriter) -> Result<(), EncodeError>,
    ) -> Result<Sent<'a, R>, RpcError> {
        // Encoded before the first await, so that arguments need not outlive it.
        let written = |codec| {
            let mut args = ArgsWriter::of(codec);
            write(&mut args).map_err(|error| Unwritable::of(codec, error))?;
            Ok(args.finish())
        };
        let compact = self.method.compact.as_ref().filter(|compact| compact.trials.params.is_fit());
        let params = match compact.filter(|_| self.wherever.caller().takes_compact(self.method, &self.target)) {
            None => written(Codec::Json),
            Some(Compact { params, trials, .. }) => written(Codec::Compact).and_then(|written_compact| {
                trials.params.judge(self.method.full_name, written_compact, *params, || written(Codec::Json))
            }),
        };
        match params {
            Ok(params) => self.send(params),
            Err(why) => Err(self.unwritable(&why)),
        }
    }

    #[cold]
    fn unwritable(&self, why: &Unwritable) -> RpcError {
        let message = format!("an argument of {} {why}", self.method.full_name);
        RpcError::new(Kind::Encode, message).with_executed(Executed::No)
    }

    fn send<R>(self, params: Payload) -> Result<Sent<'a, R>, RpcError> {
        // The compact codec has looked already.
        if !params.is_compact() && !depth_within(params.bytes(), MAX_DEPTH + 1) {
            return Err(self.unwritable(&Unwritable::TooDeep));
        }
        let limit = self.wherever.settings().max_message;
        if params.len() > limit {
            let message =
                format!("the arguments of {} have {} bytes, the limit is {limit}", self.method.full_name, params.len());
            return Err(RpcError::new(Kind::TooLarge, message));
        }
        let (deadline, trace) = Context::with_current(|current| match current {
            Some(context) => (context.deadline_of_nested(), context.trace().cloned()),
            None => (Deadline::after(self.wherever.settings().default_deadline), None),
        });
        let (id, open) = self.wherever.session().number(self.method);
        let call = Call {
            method: self.method,
            params,
            target: self.target,
            epoch: 0,
            deadline,
            id,
            first_epoch: None,
            hops: 0,
            path: self.path,
            trace,
        };
        Ok(Sent { reply: self.wherever.caller().call(call), _open: open, of: PhantomData })
    }
}

/// A call that is on its way; becomes its reply, as the method's type.
pub struct Sent<'a, R> {
    reply: BoxFuture<'a, Result<Reply, RpcError>>,
    // Alive until the answer is here, or the caller has gone.
    _open: Option<Numbered>,
    of: PhantomData<fn() -> R>,
}

impl<R> Sent<'_, R> {
    /// What the node answered, as it came.
    pub(super) async fn outcome(self) -> Result<Outcome, RpcError> {
        self.reply.await.map(|reply| reply.outcome)
    }
}

#[cold]
fn not_one_value() -> RpcError {
    let message =
        "the method answers with a stream at the node that ran it, and with one value here: their builds differ";
    RpcError::new(Kind::Protocol, message)
}

impl<R: MethodResult> Future for Sent<'_, R> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<R> {
        let reply = ready!(self.reply.as_mut().poll(cx));
        Poll::Ready(match reply.map(|reply| reply.outcome) {
            Ok(Outcome::Value(body)) => read_value(&body).map_or_else(R::refused, |value| R::from_result(Ok(value))),
            Ok(Outcome::Failure { data, .. }) => {
                read_value(&data).map_or_else(R::refused, |failure| R::from_result(Err(failure)))
            }
            Ok(Outcome::Stream(_)) => R::refused(not_one_value()),
            Err(error) => R::refused(error),
        })
    }
}
