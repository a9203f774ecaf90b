//! Makes a call of a frame, and runs it: at once if it is ready at its first poll, as nearly all are, else in a task.

use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use rpc_core::call::deadline::MAX_DEADLINE;
use rpc_core::call::{Call, Deadline, Outcome, Path, Reply, Target};
use rpc_core::codec::envelope::{MAX_DEPTH, depth_within};
use rpc_core::codec::payload::{Codec, Payload};
use rpc_core::limits::MAX_HOPS;
use rpc_core::provider::Incoming;
use rpc_core::route::group::Group;
use rpc_core::service::MethodDescriptor;
use rpc_core::transport::frames::CallFrame;
use rpc_core::transport::headers::ANSWERED_METHOD;
use rpc_core::{Kind, RpcError};
use tokio::time::Instant;

use super::answers::{Answer, Answers, ended_without_answer};
use crate::node::Node;

/// How the calls of one batch are begun.
pub(super) struct Calls<'a> {
    pub(super) node: &'a Node,
    pub(super) answers: &'a Arc<Answers>,
    /// The method called last: mostly it is called again.
    pub(super) last: &'a mut Option<Last>,
    /// When the batch was read.
    pub(super) at: Instant,
    /// When the clock was read last.
    pub(super) now: Instant,
    /// Earlier calls of the batch have computed for long: the others must not wait for more of that.
    pub(super) is_late: bool,
}

/// A method, and the group of its slots.
pub(super) struct Last {
    method: &'static MethodDescriptor,
    group: Arc<Group>,
}

impl Calls<'_> {
    /// Begins a call whose arguments are `params`, or were not taken. It is answered in any case.
    pub(super) fn begin(&mut self, frame: &CallFrame<'_>, params: Result<Bytes, RpcError>) {
        if let Err(error) = params.and_then(|params| self.run(frame, params)) {
            self.answers.answer(frame.request, Err(error));
        }
    }

    fn run(&mut self, frame: &CallFrame<'_>, params: Bytes) -> Result<(), RpcError> {
        if frame.method == ANSWERED_METHOD {
            self.answers.answer(frame.request, self.answered(frame, &params));
            return Ok(());
        }
        let here = self.node.here();
        let (method, group) = self.method(frame.method)?;
        if method.streams {
            self.answers.lock().streams.admit()?;
        }
        let place = here.in_flight.admit()?;
        self.node.counts().served.add();
        let incoming = Incoming::of_group(self.call(frame, method, params)?, here.clone(), group).from_peer();
        let incoming = if self.is_late { incoming } else { incoming.begun_at(self.now) };
        // A provider's panics are caught where it runs. What is caught here is a panic of its types, as they are read: it would end the calls of
        // all callers of this connection.
        let first = catch_unwind(AssertUnwindSafe(|| {
            let mut future = here.run(incoming);
            match self.is_late {
                true => (future, Poll::Pending),
                false => {
                    let first = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                    (future, first)
                }
            }
        }));
        match first {
            // What follows of a stream needs a task.
            Ok((_ended, Poll::Ready(Ok(reply)))) if matches!(reply.outcome, Outcome::Stream(_)) => {
                self.answers.run(frame.request, false, Box::pin(ready(Ok(reply))), place);
                Ok(())
            }
            Ok((_ended, Poll::Ready(answer))) => {
                drop(place);
                self.answers.answer(frame.request, answer);
                Ok(())
            }
            Ok((future, Poll::Pending)) => {
                self.answers.run(frame.request, method.detach, future, place);
                Ok(())
            }
            Err(panic) => {
                // One whose destructor panics as well is leaked: that is all that is left to do with it.
                let _leaked = catch_unwind(AssertUnwindSafe(|| drop(panic))).map_err(std::mem::forget);
                Err(ended_without_answer())
            }
        }
    }

    fn method(&mut self, name: &str) -> Result<(&'static MethodDescriptor, Arc<Group>), RpcError> {
        if let Some(last) = self.last.as_ref().filter(|last| last.method.full_name == name) {
            return Ok((last.method, last.group.clone()));
        }
        let method = self.node.catalogue().find(name)?;
        let group = self.node.here().groups.get(method.group);
        *self.last = Some(Last { method, group: group.clone() });
        Ok((method, group))
    }

    fn call(&self, frame: &CallFrame<'_>, method: &'static MethodDescriptor, params: Bytes) -> Result<Call, RpcError> {
        if frame.compact && method.compact.is_none() {
            let message =
                format!("{} takes its arguments as JSON, and these are in the compact codec", method.full_name);
            return Err(RpcError::new(Kind::BadArguments, message));
        }
        if frame.hops > MAX_HOPS {
            let message =
                format!("the call was passed on {} times, more than {MAX_HOPS}: it goes in a circle", frame.hops);
            return Err(RpcError::new(Kind::InvalidRequest, message));
        }
        // One more for the list or object of the arguments themselves.
        if !frame.compact && !depth_within(&params, MAX_DEPTH + 1) {
            let message = format!("the arguments nest deeper than {MAX_DEPTH} levels");
            return Err(RpcError::new(Kind::Parse, message));
        }
        let wait = Duration::from_millis(frame.left_ms).min(MAX_DEADLINE);
        let text = frame.path.text();
        Ok(Call {
            method,
            params: Payload::of(Codec::of(frame.compact), params),
            // Of where it goes, only the slot is of interest where it has come.
            target: frame.slot.map_or(Target::Any, |(slot, _)| Target::Slot(slot)),
            epoch: frame.slot.map_or(0, |(_, epoch)| epoch),
            deadline: Deadline::counted_from(self.at, wait),
            id: frame.id,
            first_epoch: frame.first_epoch,
            hops: frame.hops,
            path: if text.is_empty() { Path::root() } else { Path::parse(&text)? },
            trace: frame.trace.map(Bytes::copy_from_slice),
        })
    }

    /// A session has the answers of its calls up to one of them, whose records are dropped.
    fn answered(&self, frame: &CallFrame<'_>, params: &Bytes) -> Answer {
        if !params.is_empty() {
            return Err(RpcError::new(Kind::BadArguments, format!("{ANSWERED_METHOD} takes no arguments")));
        }
        self.node.here().acknowledge(frame.id.session, frame.id.acked);
        Ok(Reply::new(Outcome::Value(Payload::json("true"))))
    }
}
