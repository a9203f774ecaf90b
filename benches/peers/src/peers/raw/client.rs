//! The client: callers write their requests into one buffer, and one task writes that and reads all replies. A caller that is alone
//! writes for itself.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

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
            let is_first = state.outbox.is_empty();
            frame::write::<C>(&mut state.outbox, number as u64, &Get { key, payload })?;
            if state.waiters.len() == 1 {
                state.write(&self.shared.writer)?;
            }
            let must_wake = is_first && !state.outbox.is_empty();
            drop(state);
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
            // Registers who is to be woken when the socket takes more.
            match pin!(self.writer.writable()).poll(cx) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => return Poll::Pending,
            }
        }
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
        let read = poll_fn(|cx| {
            // Listening before looking: a request that comes in between is heard of.
            shared.driver.register(cx.waker());
            if let Poll::Ready(Err(error)) = shared.poll_write(cx) {
                return Poll::Ready(Err(error));
            }
            pin!(reader.read_buf(&mut inbox)).as_mut().poll(cx).map_err(Failed::from)
        });
        if read.await? == 0 {
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
