//! The thread that writes the journal: a step is on the disk before it is in the store, and in the store before it is answered.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::super::CoordinatorError;
use super::super::bounds::{self, CALL_TIME};
use super::super::journal::{Journal, JournalError};
use super::super::store::{Done, Order, Step};
use super::Shared;
use super::complaint::Complaint;

/// Most orders that wait for the disk: those of a large cluster's nodes, at a few milliseconds each, within the time of a call. Large ones count as several,
/// so that all together take at most as much memory as so many of [`SHARE`].
const WAITING: u32 = 512;

/// What an order may take without counting as several, in bytes.
const SHARE: usize = 256 << 10;

/// Where orders are sent to. When it is closed or dropped, the thread carries out what waits, and ends.
pub(super) struct Writer {
    // Held to clone or to take it. It holds no more than there are places.
    orders: Mutex<Option<mpsc::UnboundedSender<Waiting>>>,
    places: Arc<Semaphore>,
    thread: watch::Receiver<()>,
}

/// What the thread takes orders from.
pub(super) struct Orders {
    coming: mpsc::UnboundedReceiver<Waiting>,
    lanes: Lanes,
    // Dropped when the thread ends.
    _thread: watch::Sender<()>,
}

/// An order, and whom to tell.
pub(super) struct Waiting {
    order: Order,
    is_patient: bool,
    answer: oneshot::Sender<Result<Done, CoordinatorError>>,
    _place: OwnedSemaphorePermit,
}

/// The orders that wait, in two lanes that take turns: a disk that cannot keep up with beats, which wait long, must not starve what waits for a moment, such
/// as the ends of leases. What other nodes ask for all counts as waiting long, as they do not say.
#[derive(Default)]
struct Lanes {
    hasty: VecDeque<Waiting>,
    /// The youngest is first: the others are about to be given up, and whoever gave them has given another one by then.
    patient: Vec<Waiting>,
    was_hasty: bool,
}

impl Lanes {
    fn put(&mut self, waiting: Waiting) {
        if waiting.is_patient {
            self.patient.push(waiting);
        } else {
            self.hasty.push_back(waiting);
        }
    }

    fn is_empty(&self) -> bool {
        self.hasty.is_empty() && self.patient.is_empty()
    }

    /// The next one that somebody waits for.
    fn next(&mut self) -> Option<Waiting> {
        let is_wanted = |waiting: &Waiting| !waiting.answer.is_closed();
        self.was_hasty = !self.was_hasty;
        for is_hasty in [self.was_hasty, !self.was_hasty] {
            while let Some(waiting) = if is_hasty { self.hasty.pop_front() } else { self.patient.pop() } {
                if is_wanted(&waiting) {
                    return Some(waiting);
                }
            }
        }
        None
    }
}

impl Orders {
    /// The next order; none when there will be no further one.
    fn next(&mut self) -> Option<Waiting> {
        loop {
            if self.lanes.is_empty() {
                self.lanes.put(self.coming.blocking_recv()?);
            }
            while let Ok(waiting) = self.coming.try_recv() {
                self.lanes.put(waiting);
            }
            if let Some(next) = self.lanes.next() {
                return Some(next);
            }
        }
    }
}

impl Writer {
    pub(super) fn new() -> (Self, Orders) {
        let (orders, coming) = mpsc::unbounded_channel();
        let (ends, thread) = watch::channel(());
        let places = Arc::new(Semaphore::new(WAITING as usize));
        (
            Self { orders: Mutex::new(Some(orders)), places, thread },
            Orders { coming, lanes: Lanes::default(), _thread: ends },
        )
    }

    /// Takes no more orders, and waits until those taken are carried out and the journal is closed.
    pub(super) async fn close(&self) {
        drop(self.orders.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mut thread = self.thread.clone();
        while thread.changed().await.is_ok() {}
    }

    /// Has `order` carried out, and waits for that as long as `patience`. Whether one is carried out that nobody waits for any more is left open: only
    /// those that were begun are, or a disk that is slow for a while would be kept busy with what is of no use by then.
    pub(super) async fn carry_out(&self, order: Order, patience: Duration) -> Result<Done, CoordinatorError> {
        let size = match &order {
            // What is out of bounds would take more memory than a place.
            Order::Transact(txn) => bounds::check(txn)?,
            _ => 0,
        };
        let (answer, answered) = oneshot::channel();
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(gone)?;
        let places = 1 + u32::try_from(size / SHARE).unwrap_or(u32::MAX).min(WAITING - 1);
        let Ok(place) = self.places.clone().try_acquire_many_owned(places) else {
            return Err(CoordinatorError::Full(format!("{WAITING} orders wait for its disk already")));
        };
        let waiting = Waiting { order, is_patient: patience > CALL_TIME, answer, _place: place };
        orders.send(waiting).map_err(|_ended| gone())?;
        match tokio::time::timeout(patience, answered).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(gone())),
            Err(_late) => Err(CoordinatorError::Unavailable(format!("its disk has not answered within {patience:?}"))),
        }
    }
}

fn gone() -> CoordinatorError {
    CoordinatorError::Unavailable("it has ended".to_owned())
}

/// Starts the thread.
pub(super) fn run(shared: Arc<Shared>, journal: Box<dyn Journal>, mut orders: Orders) -> Result<(), JournalError> {
    let work = move || {
        // Later than the desk, so that the journal is closed when the thread is known to have ended.
        let orders = &mut orders;
        let mut desk = Desk { shared, journal, unsettled: None, complaint: Complaint::default() };
        while let Some(Waiting { order, answer, .. }) = orders.next() {
            // Whoever asked may have gone meanwhile.
            let _ = answer.send(desk.carry_out(&order));
        }
    };
    let thread = std::thread::Builder::new().name("coordinator".to_owned()).spawn(work);
    thread.map(|_| ()).map_err(|error| JournalError(format!("no thread for the journal: {error}")))
}

/// What the thread works on.
struct Desk {
    shared: Arc<Shared>,
    journal: Box<dyn Journal>,
    /// A step of which nobody knows whether it is on the disk. Until that is known, no other can be planned.
    unsettled: Option<Step>,
    complaint: Complaint,
}

impl Desk {
    fn carry_out(&mut self, order: &Order) -> Result<Done, CoordinatorError> {
        self.settle()?;
        let now = self.shared.clock.now();
        let (step, done) = self.shared.observed(now).plan(order, now)?;
        if step.is_empty() {
            return Ok(done);
        }
        if let Err(error) = self.journal.append(&step) {
            if let Some(untold) = self.complaint.of_failure(now) {
                tracing::warn!(%error, untold, "the coordinator's journal cannot be written");
            }
            self.unsettled = Some(step);
            return match self.settle()? {
                true => Ok(done),
                false => Err(CoordinatorError::Full(format!("its journal cannot be written: {error}"))),
            };
        }
        if self.complaint.is_over() {
            tracing::info!("the coordinator's journal can be written again");
        }
        self.apply(step);
        Ok(done)
    }

    /// Finds out what became of a step whose writing failed; `true` if it was written after all.
    fn settle(&mut self) -> Result<bool, CoordinatorError> {
        let Some(step) = &self.unsettled else { return Ok(false) };
        let unknown = |error| CoordinatorError::Unavailable(format!("its journal cannot be read: {error}"));
        let is_written = self.journal.last().map_err(unknown)? >= step.number;
        if let Some(step) = self.unsettled.take().filter(|_| is_written) {
            self.apply(step);
        }
        Ok(is_written)
    }

    fn apply(&self, step: Step) {
        let now = self.shared.clock.now();
        let mut store = self.shared.observed(now);
        store.apply(step, now);
        self.shared.tell(&store);
    }
}
