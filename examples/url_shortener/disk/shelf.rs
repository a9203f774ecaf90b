//! Which rows of the file are served: for each slot, whether it is open, and which edition of its rows it is open with.
//!
//! All of it is in memory and nothing in the file. That makes opening a slot, closing it, and giving up a copy a matter of
//! microseconds, as the node asks of them, and it makes a program that starts over begin without a claim on anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wherever::{Content, Slot};

use super::{DiskError, Place};

/// The number of one copy of a slot's rows; each is given once in a program's life.
pub(super) type Edition = u64;

/// The edition of rows that are still right after a restart, and so bear the same number in each.
pub(super) const FIRST: Edition = 0;

/// Longest wait for a commit to end: many times what a disk takes, and less than callers wait for a sealed slot.
const COMMIT_TIME: Duration = Duration::from_secs(2);

/// The slots.
pub(super) struct Shelf {
    // Held for a look or a change; never while the file is worked on, and never across an await.
    slots: Mutex<Slots>,
    ended: Condvar,
}

#[derive(Default)]
struct Slots {
    cells: BTreeMap<Slot, Cell>,
    next: Edition,
    /// Editions that nobody can see any more and whose rows are still in the file.
    unwanted: BTreeSet<(Slot, Edition)>,
    /// Batches of writes that were let in, and how many of them have ended.
    begun: u64,
    ended: u64,
}

#[derive(Default)]
struct Cell {
    /// The epoch under which the slot is open; 0 while it is not.
    epoch: u64,
    held: Option<Edition>,
    /// Rows of the edition held.
    rows: u64,
    staged: Option<Staged>,
    copying: Option<Copying>,
}

struct Staged {
    edition: Edition,
    rows: u64,
}

/// How far a copy has come: in the order of the codes, up to `given`. What is put behind that is met on the way; what is put before
/// it, or while a piece is read, has to be remembered.
#[derive(Clone, Default)]
pub(super) struct Copying {
    pub(super) given: Option<String>,
    pub(super) rows: u64,
    pub(super) missed: BTreeSet<String>,
}

/// What is to be copied next of a slot.
pub(super) struct Due {
    pub(super) edition: Option<Edition>,
    /// About how many rows were not given away yet.
    pub(super) left: u64,
    pub(super) copying: Copying,
}

impl Shelf {
    /// Nothing is open. `rows` are those of the first edition, by slot.
    pub(super) fn new(rows: &BTreeMap<Slot, u64>) -> Self {
        let cell = |(slot, rows): (&Slot, &u64)| (*slot, Cell { held: Some(FIRST), rows: *rows, ..Cell::default() });
        let slots = Slots { cells: rows.iter().map(cell).collect(), next: FIRST + 1, ..Slots::default() };
        Self { slots: Mutex::new(slots), ended: Condvar::new() }
    }

    /// The edition that a call in this place sees.
    pub(super) fn edition(&self, place: Place) -> Result<Edition, DiskError> {
        self.lock().edition(place)
    }

    /// Rows of all open slots.
    pub(super) fn rows(&self) -> u64 {
        self.lock().cells.values().filter(|cell| cell.epoch != 0).map(|cell| cell.rows).sum()
    }

    /// Lets a batch of writes in: each into the edition that is open now. [`end`](Self::end) must follow.
    pub(super) fn begin(&self, places: impl Iterator<Item = Place>) -> Vec<Result<Edition, DiskError>> {
        let mut slots = self.lock();
        slots.begun += 1;
        places.map(|place| slots.edition(place)).collect()
    }

    /// The batch is over, and has added these codes. Noted before anybody is answered: a call that has ended is in the copy.
    pub(super) fn end(&self, added: &[(Place, Edition, &str)]) {
        let mut slots = self.lock();
        for (place, edition, code) in added {
            let cell = slots.cells.get_mut(&place.slot).filter(|cell| cell.held == Some(*edition));
            let Some(cell) = cell else { continue };
            cell.rows += 1;
            if let Some(copying) = &mut cell.copying {
                copying.missed.insert((*code).to_owned());
            }
        }
        slots.ended = slots.begun;
        drop(slots);
        self.ended.notify_all();
    }

    /// Puts right how many rows an edition has, after a batch of which nobody knows how much was written.
    pub(super) fn recount(&self, slot: Slot, edition: Edition, rows: u64) {
        let mut slots = self.lock();
        if let Some(cell) = slots.cells.get_mut(&slot).filter(|cell| cell.held == Some(edition)) {
            cell.rows = rows;
        }
    }

    pub(super) fn open(&self, slot: Slot, epoch: u64, content: Content) {
        let mut slots = self.lock();
        let fresh = slots.next;
        slots.next += 1;
        let cell = slots.cells.entry(slot).or_default();
        let (before, staged) = (cell.held, cell.staged.take());
        let staged_edition = staged.as_ref().map(|staged| staged.edition);
        cell.epoch = epoch;
        (cell.held, cell.rows) = match (content, staged) {
            (Content::Kept, _) => (Some(before.unwrap_or(FIRST)), cell.rows),
            (Content::Staged, Some(staged)) => (Some(staged.edition), staged.rows),
            // A slot without a row has no piece.
            (Content::Empty | Content::Staged, _) => (Some(fresh), 0),
        };
        let held = cell.held;
        let gone = [before, staged_edition].into_iter().flatten().filter(|edition| held != Some(*edition));
        slots.unwanted.extend(gone.map(|edition| (slot, edition)));
    }

    pub(super) fn close(&self, slot: Slot) {
        self.change(slot, |cell| cell.epoch = 0);
    }

    /// Drops what is held of the slot.
    pub(super) fn forget(&self, slot: Slot) {
        let held = self.change(slot, |cell| {
            (cell.epoch, cell.rows) = (0, 0);
            cell.held.take()
        });
        self.lock().unwanted.extend(held.flatten().map(|edition| (slot, edition)));
    }

    /// Throws away what was staged for the slot.
    pub(super) fn discard(&self, slot: Slot) {
        let staged = self.change(slot, |cell| cell.staged.take().map(|staged| staged.edition));
        self.lock().unwanted.extend(staged.flatten().map(|edition| (slot, edition)));
    }

    /// The edition of the slot that is being staged.
    pub(super) fn stage(&self, slot: Slot) -> Edition {
        let mut slots = self.lock();
        let fresh = slots.next;
        slots.next += 1;
        slots.cells.entry(slot).or_default().staged.get_or_insert(Staged { edition: fresh, rows: 0 }).edition
    }

    /// So many rows came to those that are staged.
    pub(super) fn add_staged(&self, slot: Slot, rows: u64) {
        let add = |cell: &mut Cell| cell.staged.iter_mut().for_each(|staged| staged.rows += rows);
        self.change(slot, add);
    }

    /// How many rows were staged of the slot.
    pub(super) fn staged_rows(&self, slot: Slot) -> u64 {
        let slots = self.lock();
        slots.cells.get(&slot).and_then(|cell| cell.staged.as_ref()).map_or(0, |staged| staged.rows)
    }

    /// The editions held and staged of a slot.
    pub(super) fn editions(&self, slot: Slot) -> (Option<Edition>, Option<Edition>) {
        let slots = self.lock();
        slots
            .cells
            .get(&slot)
            .map_or((None, None), |cell| (cell.held, cell.staged.as_ref().map(|staged| staged.edition)))
    }

    pub(super) fn begin_copy(&self, slot: Slot) {
        self.lock().cells.entry(slot).or_default().copying = Some(Copying::default());
    }

    pub(super) fn end_copy(&self, slot: Slot) {
        self.change(slot, |cell| cell.copying = None);
    }

    /// What is to be copied next. Of a slot that is closed, that is everything there will be: it waits for the batch that was let in
    /// before, and no other is.
    ///
    /// # Errors
    /// A sentence, if no copy was begun or that batch does not end.
    pub(super) fn due(&self, slot: Slot) -> Result<Due, &'static str> {
        let mut slots = self.lock();
        if slots.cells.get(&slot).is_some_and(|cell| cell.epoch == 0) {
            let begun = slots.begun;
            let waited = self.ended.wait_timeout_while(slots, COMMIT_TIME, |slots| slots.ended < begun);
            let (after, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            if timeout.timed_out() {
                return Err("what was being written when the slot was closed does not come to its end");
            }
            slots = after;
        }
        let cell = slots.cells.get(&slot);
        let (held, rows) = cell.map_or((None, 0), |cell| (cell.held, cell.rows));
        let copying = cell.and_then(|cell| cell.copying.clone()).ok_or("no copy was begun")?;
        Ok(Due { edition: held, left: rows.saturating_sub(copying.rows), copying })
    }

    /// So far a copy has come by giving away a piece: up to the code `given`, with so many more `rows`, and the codes of `missed`.
    pub(super) fn gave(&self, slot: Slot, given: Option<String>, rows: u64, missed: &BTreeSet<String>) {
        self.change(slot, |cell| {
            let Some(copying) = &mut cell.copying else { return };
            copying.rows += rows;
            if given.is_some() {
                copying.given = given;
            }
            // A piece that is read sees no row that is put meanwhile: only from here on is it known which ones the next will meet.
            let given = copying.given.as_deref();
            copying.missed.retain(|code| !missed.contains(code) && given.is_some_and(|given| code.as_str() <= given));
        });
    }

    /// Some of the editions whose rows are to be removed.
    pub(super) fn unwanted(&self, most: usize) -> Vec<(Slot, Edition)> {
        self.lock().unwanted.iter().take(most).copied().collect()
    }

    /// The rows of these editions are removed.
    pub(super) fn removed(&self, gone: &[(Slot, Edition)]) {
        let mut slots = self.lock();
        gone.iter().for_each(|edition| _ = slots.unwanted.remove(edition));
    }

    fn change<T>(&self, slot: Slot, change: impl FnOnce(&mut Cell) -> T) -> Option<T> {
        let mut slots = self.lock();
        let cell = slots.cells.get_mut(&slot)?;
        let changed = change(cell);
        if cell.held.is_none() && cell.staged.is_none() && cell.copying.is_none() {
            slots.cells.remove(&slot);
        }
        Some(changed)
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    fn edition(&self, place: Place) -> Result<Edition, DiskError> {
        let cell = self.cells.get(&place.slot).filter(|cell| cell.epoch == place.epoch && cell.epoch != 0);
        cell.and_then(|cell| cell.held).ok_or_else(|| place.gone())
    }
}
