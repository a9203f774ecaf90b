//! The client: callers write their requests into one buffer, and one task writes that and reads all replies. A caller that is alone
//! writes for itself.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use futures_util::task::AtomicWaker;
use slab::Slab;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::yield_now;

use super::codec::Codec;
use super::{Get, READ, frame};
use crate::Failed;
use crate::records::Record;

/// A connection, and the task that drives it.
pub struct Connection<C> {
    shared: Arc<Shared>,
    codec: PhantomData<C>,
}

struct Shared {
    writer: OwnedWriteHalf,
    // Held to write a request down, to look for a reply, or to take over those of one read; never across an await.
    state: Mutex<State>,
    driver: AtomicWaker,
}

#[derive(Default)]
struct State {
    waiters: Slab<Waiter>,
    outbox: Vec<u8>,
    /// Where in the outbox what is not written begins.
    written: usize,
    /// The driver will look at the outbox without being woken.
    is_driving: bool,
    ended: Option<String>,
}

enum Waiter {
    Waiting(Option<Waker>),
    Answered(Record),
}

impl<C: Codec> Connection<C> {
    pub async fn new(address: &str) -> Result<Self, Failed> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        let shared = Arc::new(Shared { writer, state: Mutex::default(), driver: AtomicWaker::new() });
        tokio::spawn(drive::<C>(shared.clone(), reader));
        Ok(Self { shared, codec: PhantomData })
    }

    pub async fn get(&self, key: &str, payload: &str) -> Result<Record, Failed> {
        let number = {
            let mut state = self.shared.lock();
            let number = state.waiters.insert(Waiter::Waiting(None));
            frame::write::<C>(&mut state.outbox, number as u64, &Get { key, payload })?;
            if state.waiters.len() == 1 {
                state.write(&self.shared.writer)?;
            }
            let must_wake = !state.outbox.is_empty() && !state.is_driving;
            state.is_driving |= must_wake;
            drop(state);
            // Once for all of a batch: a driver that is woken while it lets the others speak would write at once.
            if must_wake {
                self.shared.driver.wake();
            }
            number
        };
        poll_fn(|cx| self.shared.lock().look(number, cx)).await
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what there is; ready when nothing is left.
    fn poll_write(&self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        loop {
            let mut state = self.lock();
            state.write(&self.writer)?;
            if state.outbox.is_empty() {
                return Poll::Ready(Ok(()));
            }
            drop(state);
            ready!(self.writer.as_ref().poll_write_ready(cx))?;
        }
    }

    /// Whether there is something to write; if not, whoever writes it down wakes the driver.
    fn has_more(&self, cx: &mut Context<'_>) -> bool {
        // Listening before looking: a request that comes in between is heard of.
        self.driver.register(cx.waker());
        let mut state = self.lock();
        state.is_driving = !state.outbox.is_empty();
        state.is_driving
    }
}

impl State {
    /// Writes until nothing is left or the socket takes no more. A socket that does not block is fast enough to be written to under the lock.
    fn write(&mut self, writer: &OwnedWriteHalf) -> Result<(), Failed> {
        while self.written < self.outbox.len() {
            match writer.try_write(&self.outbox[self.written..]) {
                Ok(wrote) => self.written += wrote,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        self.outbox.clear();
        self.written = 0;
        Ok(())
    }

    fn look(&mut self, number: usize, cx: &mut Context<'_>) -> Poll<Result<Record, Failed>> {
        if let Some(why) = &self.ended {
            return Poll::Ready(Err(why.clone().into()));
        }
        match &mut self.waiters[number] {
            Waiter::Waiting(Some(waker)) if waker.will_wake(cx.waker()) => Poll::Pending,
            Waiter::Waiting(waker) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Waiter::Answered(_) => match self.waiters.remove(number) {
                Waiter::Answered(record) => Poll::Ready(Ok(record)),
                Waiter::Waiting(_) => Poll::Pending,
            },
        }
    }

    fn answer(&mut self, number: usize, record: Record) -> Option<Waker> {
        match std::mem::replace(self.waiters.get_mut(number)?, Waiter::Answered(record)) {
            Waiter::Waiting(waker) => waker,
            Waiter::Answered(_) => None,
        }
    }
}

/// Reads and writes until the connection ends, and then tells everybody who waits.
async fn drive<C: Codec>(shared: Arc<Shared>, reader: OwnedReadHalf) {
    let why = match exchange::<C>(&shared, reader).await {
        Ok(()) => "the server has closed the connection".to_owned(),
        Err(error) => error.to_string(),
    };
    let mut state = shared.lock();
    state.ended = Some(why);
    for (_, waiter) in &mut state.waiters {
        if let Waiter::Waiting(Some(waker)) = waiter {
            waker.wake_by_ref();
        }
    }
}

async fn exchange<C: Codec>(shared: &Shared, mut reader: OwnedReadHalf) -> Result<(), Failed> {
    let (mut inbox, mut replies, mut wakers) = (Vec::with_capacity(READ), Vec::new(), Vec::new());
    loop {
        inbox.reserve(READ);
        let mut is_written = false;
        let read = poll_fn(|cx| {
            if !is_written && let Poll::Ready(outcome) = shared.poll_write(cx) {
                outcome?;
                is_written = true;
            }
            match pin!(reader.read_buf(&mut inbox)).poll(cx) {
                Poll::Ready(read) => Poll::Ready(read.map(Some).map_err(Failed::from)),
                // Written after those who are about to run have spoken too.
                Poll::Pending if is_written && shared.has_more(cx) => Poll::Ready(Ok(None)),
                Poll::Pending => Poll::Pending,
            }
        });
        if read.await? == Some(0) {
            return Ok(());
        }
        let mut left = inbox.as_slice();
        while let Some((number, payload, rest)) = frame::read(left) {
            replies.push((usize::try_from(number)?, C::decode::<Record>(payload)?));
            left = rest;
        }
        let taken = inbox.len() - left.len();
        inbox.drain(..taken);
        let others = {
            let mut state = shared.lock();
            wakers.extend(replies.drain(..).filter_map(|(number, record)| state.answer(number, record)));
            state.waiters.len() > 1
        };
        wakers.drain(..).for_each(Waker::wake);
        if others {
            // Those who were just woken write their next requests down before the batch is written.
            yield_now().await;
        }
    }
}
