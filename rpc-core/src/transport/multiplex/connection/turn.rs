//! A caller's turn on a connection: held, or waited for.

use std::task::{Context, Poll, Waker};

use super::shared::Shared;

/// One of the places for calls that the peer takes at once, or none. Dropped, it is given back.
pub(super) struct Turn<'a> {
    shared: &'a Shared,
    is_held: bool,
}

impl<'a> Turn<'a> {
    pub(super) fn none(shared: &'a Shared) -> Self {
        Self { shared, is_held: false }
    }

    pub(super) fn is_held(&self) -> bool {
        self.is_held
    }

    /// Whoever waits for the reply gives it back.
    pub(super) fn passes_on(mut self) {
        self.is_held = false;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.is_held {
            let next = self.shared.lock().turns.give_back();
            next.into_iter().for_each(Waker::wake);
        }
    }
}

/// Waits for a turn.
pub(super) struct Queued<'a> {
    shared: &'a Shared,
    ticket: Option<u64>,
}

impl<'a> Queued<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        Self { shared, ticket: None }
    }

    /// A turn, once it has come; none where nobody has turns to give any more.
    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<Turn<'a>> {
        let mut state = self.shared.lock();
        let shared = self.shared;
        if state.takes_no_calls() {
            return Poll::Ready(Turn::none(shared));
        }
        let is_held = match self.ticket {
            Some(ticket) => state.turns.has_come(ticket, cx.waker()),
            None => state.turns.take(),
        };
        if is_held {
            self.ticket = None;
            return Poll::Ready(Turn { shared, is_held });
        }
        if self.ticket.is_none() {
            self.ticket = Some(state.turns.wait(cx.waker().clone()));
        }
        Poll::Pending
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let next = self.shared.lock().turns.leave(ticket);
            next.into_iter().for_each(Waker::wake);
        }
    }
}
