//! The calls themselves: so many in flight at all times, or each at its time.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use rpc_core::Executed;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::histogram::Histogram;
use super::template::Template;
use super::way::{Failed, Way};

/// Most kinds of failures told apart; those that come later are counted together.
const MOST_KINDS: usize = 32;

/// How calls follow one another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pace {
    /// So many callers, each of which calls again when it has its answer.
    Closed {
        /// How many.
        callers: usize,
    },
    /// So many calls a second, whatever became of earlier ones.
    Open {
        /// How many.
        rate: f64,
        /// Most calls without an answer: further ones begin late, which counts as their time.
        most: usize,
    },
}

/// What a run came to.
#[derive(Debug)]
pub(super) struct Ran {
    /// The times of the calls that were answered, from when each was due.
    pub(super) times: Histogram,
    /// The calls that failed, by kind and by whether they were executed.
    pub(super) failures: BTreeMap<Failed, u64>,
    /// How long it took.
    pub(super) took: Duration,
    /// Calls of an open loop that began late, since too many had no answer.
    pub(super) held_back: u64,
}

/// How one call ended.
struct Ended {
    due: Instant,
    at: Instant,
    outcome: Result<(), Failed>,
}

/// Calls for `time` and waits for the last answers; `seen` hears how many calls have ended, and when. The calls count on from `first`.
pub(super) async fn run(
    way: &Rc<Way>,
    template: &mut Template,
    first: &mut u64,
    pace: Pace,
    time: Duration,
    mut seen: impl FnMut(u64, Duration),
) -> Ran {
    let began = Instant::now();
    let over = began + time;
    let mut ran = Ran { times: Histogram::new(), failures: BTreeMap::new(), took: Duration::ZERO, held_back: 0 };
    let mut calls = Calls::new(way, pace.most());
    for number in 0_u64.. {
        let due = match pace {
            Pace::Closed { .. } => None,
            Pace::Open { rate, .. } => Some(began + Duration::from_secs_f64(number as f64 / rate)),
        };
        if due.is_some_and(|due| due >= over) || !calls.make_room(due, over, &mut ran).await {
            break;
        }
        calls.begin(template.arguments(*first), due.unwrap_or_else(Instant::now));
        *first += 1;
        seen(ran.calls(), began.elapsed());
    }
    while let Some(one) = calls.last().await {
        ran.take(one);
        seen(ran.calls(), began.elapsed());
    }
    ran.took = began.elapsed();
    ran
}

impl Pace {
    /// Most calls without an answer.
    pub(super) fn most(self) -> usize {
        match self {
            Self::Closed { callers } => callers,
            Self::Open { most, .. } => most,
        }
    }
}

impl Ran {
    fn take(&mut self, Ended { due, at, outcome }: Ended) {
        match outcome {
            Ok(()) => self.times.add(at - due),
            Err(failed) => {
                let is_known = self.failures.contains_key(&failed) || self.failures.len() < MOST_KINDS;
                let failed = if is_known { failed } else { ("other".to_owned(), Executed::Maybe) };
                *self.failures.entry(failed).or_default() += 1;
            }
        }
    }

    /// How many calls there were, answered or not.
    pub(super) fn calls(&self) -> u64 {
        self.times.count() + self.failed()
    }

    /// How many of them failed.
    pub(super) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}

/// What a caller is asked to do: a call with these arguments, due then.
struct Order {
    params: String,
    due: Instant,
    /// Where it takes orders: handed back when it is done.
    caller: mpsc::Sender<Order>,
}

/// Callers, each a task that is used again: at most as many as calls without an answer.
struct Calls {
    way: Rc<Way>,
    tasks: JoinSet<()>,
    idle: Vec<mpsc::Sender<Order>>,
    ended: mpsc::Receiver<(Ended, mpsc::Sender<Order>)>,
    ends: mpsc::Sender<(Ended, mpsc::Sender<Order>)>,
    running: usize,
    most: usize,
}

impl Calls {
    fn new(way: &Rc<Way>, most: usize) -> Self {
        let (ends, ended) = mpsc::channel(most.max(1));
        Self { way: way.clone(), tasks: JoinSet::new(), idle: Vec::new(), ended, ends, running: 0, most }
    }

    /// Takes the calls that have ended, until there is room for one more and it is due; false if the time is over before.
    async fn make_room(&mut self, due: Option<Instant>, over: Instant, ran: &mut Ran) -> bool {
        while let Some(one) = self.try_next() {
            ran.take(one);
        }
        let mut is_late = false;
        loop {
            let now = Instant::now();
            let (is_full, is_due) = (self.running >= self.most, due.is_none_or(|due| due <= now));
            // What was due in time is begun, however late the machine is.
            if now >= over && (is_full || due.is_none()) {
                return false;
            }
            if is_due && !is_full {
                ran.held_back += u64::from(is_late);
                return true;
            }
            is_late |= is_due && due.is_some();
            let until = if is_full { over } else { due.unwrap_or(over) };
            if let Some(one) = self.next(until).await {
                ran.take(one);
            }
        }
    }

    fn begin(&mut self, params: String, due: Instant) {
        let caller = self.idle.pop().unwrap_or_else(|| self.caller());
        let order = Order { params, due, caller: caller.clone() };
        // It is idle: there is room for an order.
        if caller.try_send(order).is_ok() {
            self.running += 1;
        }
    }

    fn caller(&mut self) -> mpsc::Sender<Order> {
        let (orders, mut taken) = mpsc::channel::<Order>(1);
        let (way, ends) = (self.way.clone(), self.ends.clone());
        self.tasks.spawn_local(async move {
            while let Some(Order { params, due, caller }) = taken.recv().await {
                let outcome = way.call(params).await;
                let _heard = ends.send((Ended { due, at: Instant::now(), outcome }, caller)).await;
            }
        });
        orders
    }

    fn took(&mut self, (ended, caller): (Ended, mpsc::Sender<Order>)) -> Ended {
        self.running -= 1;
        self.idle.push(caller);
        ended
    }

    fn try_next(&mut self) -> Option<Ended> {
        let next = self.ended.try_recv().ok()?;
        Some(self.took(next))
    }

    /// The next call that ends, at most until then.
    async fn next(&mut self, until: Instant) -> Option<Ended> {
        let next = tokio::select! {
            biased;
            next = self.ended.recv() => next,
            () = sleep_until(until) => None,
        }?;
        Some(self.took(next))
    }

    /// The next of those that still run.
    async fn last(&mut self) -> Option<Ended> {
        if self.running == 0 {
            return None;
        }
        let next = self.ended.recv().await?;
        Some(self.took(next))
    }
}
