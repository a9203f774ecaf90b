//! The streams of a session: each item is asked of its provider when there is credit for it, and room.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use rpc_core::call::items::nested;
use rpc_core::call::{Items, Outcome, Reply};
use rpc_core::transport::frames::{
    FIRST_CREDIT, MAX_CREDIT, Of, cost, failure_payload, write_stream_begin, write_stream_item,
};
use rpc_core::{Executed, Kind, RpcError};

use super::answers::{Answers, State};

/// Most streams of one connection: what one peer may take of the ten thousand of a node.
const MAX_STREAMS: usize = 4096;

/// What a refused caller is told to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The streams that are sent, by the numbers of their requests.
#[derive(Default)]
pub(super) struct Streams {
    open: HashMap<u64, Sending>,
    /// Those who wait until something was written.
    without_room: Vec<Waker>,
}

/// A stream that is sent.
struct Sending {
    credit: i64,
    waker: Option<Waker>,
    /// It is among those without room.
    is_listed: bool,
}

/// Whether an item may be sent now.
enum Turn {
    Yes,
    /// Not before there is credit, or room; this is heard.
    Later,
    /// Nobody takes it any more.
    Over,
}

impl Streams {
    /// Whether one more may be opened.
    ///
    /// # Errors
    /// [`Kind::Overloaded`], not executed.
    pub(super) fn admit(&self) -> Result<(), RpcError> {
        if self.open.len() < MAX_STREAMS {
            return Ok(());
        }
        let message = format!("{MAX_STREAMS} streams are open on this connection, as many as it takes");
        Err(RpcError::new(Kind::Overloaded, message).with_retry_after(RETRY_AFTER))
    }

    /// The peer takes so many more bytes of a stream; one that has ended meanwhile is ignored.
    ///
    /// # Errors
    /// Why no peer does that.
    pub(super) fn grant(&mut self, request: u64, credit: u64) -> Result<(), &'static str> {
        let more = i64::try_from(credit).ok().filter(|more| (1..=MAX_CREDIT as i64).contains(more));
        let more = more.ok_or("it grants nothing, or more than any stream may have")?;
        let Some(sending) = self.open.get_mut(&request) else { return Ok(()) };
        sending.credit += more;
        if sending.credit > MAX_CREDIT as i64 {
            return Err("its stream has more credit than any may have");
        }
        if let Some(waker) = sending.waker.take() {
            waker.wake();
        }
        Ok(())
    }

    /// Something was taken to be written.
    pub(super) fn have_room(&mut self) {
        if self.without_room.is_empty() {
            return;
        }
        self.open.values_mut().for_each(|sending| sending.is_listed = false);
        self.without_room.drain(..).for_each(Waker::wake);
    }

    pub(super) fn wake_all(&mut self) {
        self.without_room.clear();
        self.open.drain().filter_map(|(_, sending)| sending.waker).for_each(Waker::wake);
    }

    pub(super) fn remove(&mut self, request: u64) {
        self.open.remove(&request);
    }
}

impl State {
    /// Whether `request` may send an item now, or, if it has none to send, its end.
    fn turn(&mut self, (request, run): (u64, u64), is_end: bool, cx: &mut Context<'_>) -> Turn {
        if self.is_closed || !self.is_running(request, run) {
            return Turn::Over;
        }
        // A large item goes in parts, and small frames would overtake it.
        let has_room = !self.outbox.holds(Of::Item, request) && (is_end || !self.is_full());
        let Some(sending) = self.streams.open.get_mut(&request) else { return Turn::Over };
        sending.waker = Some(cx.waker().clone());
        if !has_room && !sending.is_listed {
            sending.is_listed = true;
            self.streams.without_room.push(cx.waker().clone());
        }
        if has_room && (is_end || sending.credit > 0) { Turn::Yes } else { Turn::Later }
    }

    fn put_item(&mut self, (request, run): (u64, u64), item: Outcome) -> Result<(), RpcError> {
        if !self.is_running(request, run) {
            // Taken back while the provider had the word.
            return Ok(());
        }
        let item = self.within_limit(Reply::new(item))?.outcome;
        let compact = item.is_compact();
        let (failed, payload) = match item {
            Outcome::Value(value) => (false, value.bytes().clone()),
            Outcome::Failure { message, data } => (true, Bytes::from(failure_payload(&message, data.bytes()))),
            Outcome::Stream(_) => return Err(nested()),
        };
        if let Some(sending) = self.streams.open.get_mut(&request) {
            sending.credit -= cost(payload.len());
        }
        let pushed: Result<(), Infallible> = self.outbox.push((Of::Item, request), &payload, |out, payload| {
            write_stream_item(out, request, failed, compact, payload);
            Ok(())
        });
        pushed.map_err(|never| match never {})
    }
}

impl Answers {
    /// Sends the items of the stream that answers `request`, as long as it is this `run` of it, until its end, whose frame is still to be sent.
    ///
    /// # Errors
    /// Why it ended early.
    pub(super) async fn stream(&self, request: u64, run: u64, items: &Items) -> Result<(), RpcError> {
        let mut source = items.take()?;
        {
            let mut state = self.lock();
            if !state.is_running(request, run) {
                return Ok(());
            }
            let sending = Sending { credit: FIRST_CREDIT as i64, waker: None, is_listed: false };
            state.streams.open.insert(request, sending);
            write_stream_begin(state.outbox.frames(), request);
        }
        self.wake();
        let ended = loop {
            let next = poll_fn(|cx| {
                let turn = self.lock().turn((request, run), false, cx);
                let is_wanted = match turn {
                    Turn::Over => return Poll::Ready(None),
                    turn => matches!(turn, Turn::Yes),
                };
                Poll::Ready(ready!(source.poll_item(cx, is_wanted)))
            });
            let put = match next.await {
                None => break Ok(()),
                Some(item) => item.and_then(|item| self.lock().put_item((request, run), item)),
            };
            if let Err(error) = put {
                break Err(error.at_least(Executed::Maybe));
            }
            self.wake();
        };
        drop(source);
        poll_fn(|cx| match self.lock().turn((request, run), true, cx) {
            Turn::Later => Poll::Pending,
            Turn::Yes | Turn::Over => Poll::Ready(()),
        })
        .await;
        ended
    }

    /// There is something to write.
    fn wake(&self) {
        let must_wake = !std::mem::replace(&mut self.lock().is_awake, true);
        if must_wake {
            self.driver.wake();
        }
    }
}
