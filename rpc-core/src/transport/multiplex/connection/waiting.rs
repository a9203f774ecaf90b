//! A caller's wait for the reply to its request.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

use super::{Answer, Line, Sent};
use crate::call::{Call, Deadline};
use crate::error::{Executed, Kind, RpcError};
use crate::transport::multiplex::waiters::Look;

/// Becomes the reply to one request. Dropping it takes the call back.
///
/// Nearly all replies come before a timer is worth its cost: it is armed when the connection's driver finds the request to be old.
pub struct Waiting {
    line: Arc<Line>,
    /// The call is one of those that the peer takes at once, and makes room for another when it is over.
    has_turn: bool,
    request: u64,
    method: &'static str,
    deadline: Deadline,
    sent: Instant,
    is_detached: bool,
    is_short: bool,
    is_compact: bool,
    is_over: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Waiting {
    pub(super) fn new(line: Arc<Line>, call: &Call, sent: &Sent) -> Self {
        Self {
            line,
            has_turn: sent.has_turn,
            request: sent.request,
            method: call.method.full_name,
            deadline: call.deadline,
            sent: sent.at,
            is_detached: call.method.detach,
            is_short: sent.is_short,
            is_compact: call.params.is_compact(),
            is_over: false,
            timer: None,
        }
    }

    /// When the call was written down.
    pub fn sent(&self) -> Instant {
        self.sent
    }

    /// Whether it must be polled at once, as it needs a timer; otherwise the waker with which it [began](Line::begin) will do.
    pub fn is_short(&self) -> bool {
        self.is_short
    }

    /// Refuses an answer that only a call in the compact codec may get: whoever made another one passes it on as JSON.
    fn in_its_codec(&self, answer: Answer) -> Answer {
        match answer {
            Ok(reply) if reply.outcome.is_compact() && !self.is_compact => {
                let message =
                    format!("{} answered {} in a codec that was not asked for", self.line.shared.place, self.method);
                Err(RpcError::new(Kind::Protocol, message).with_executed(Executed::Maybe))
            }
            answer => answer,
        }
    }

    /// Ends the wait, as nobody waits longer than the deadline.
    fn too_late(&mut self) -> RpcError {
        self.is_over = true;
        let is_unsent = self.line.shared.take_back(self.request, self.has_turn, self.is_detached);
        let (executed, what) = match is_unsent {
            true => (Executed::No, "it was not sent"),
            false => (Executed::Maybe, "the node may have run it"),
        };
        let message = format!("{} had no answer from {} by its deadline; {what}", self.method, self.line.shared.place);
        RpcError::new(Kind::Deadline, message).with_executed(executed)
    }
}

impl Future for Waiting {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let look = self.line.shared.look(self.request, self.has_turn, cx.waker());
        let is_old = match look {
            Some(Look::Answered(answer)) => {
                self.is_over = true;
                return Poll::Ready(self.in_its_codec(answer));
            }
            Some(Look::Waiting { is_old }) => is_old,
            // Polled after its end.
            None => return Poll::Pending,
        };
        if !is_old && !self.is_short {
            return Poll::Pending;
        }
        let at = self.deadline.instant();
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(self.too_late())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_over {
            self.line.shared.take_back(self.request, self.has_turn, self.is_detached);
        }
    }
}
