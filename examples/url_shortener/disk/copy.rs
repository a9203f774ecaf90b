//! How a slot's rows move to another node's file: read here in pieces, written there beside whatever it holds, served there once the
//! slot is its own, and removed here.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use redb::{Durability, ReadableTable};
use wherever::{Content, Pulled, Slot, SlotState, StateError};

use super::file::{CODES, all_of};
use super::piece::{Piece, two_addresses};
use super::shelf::{Due, Edition};
use super::{Disk, DiskError};

/// The name under which the rows move, the same on every node.
pub(crate) const STATE: &str = "Urls.codes";

impl SlotState for Disk {
    fn waits(&self) -> bool {
        true
    }

    fn begin_copy(&self, slot: Slot) -> Result<(), StateError> {
        self.shelf.begin_copy(slot);
        Ok(())
    }

    fn pull(&self, slot: Slot, max_bytes: usize) -> Result<Pulled, StateError> {
        let due = self.shelf.due(slot).map_err(|why| failed(format!("slot {slot}: {why}")))?;
        let Some(edition) = due.edition else { return Ok(Pulled { piece: Vec::new().into(), pending: 0 }) };
        let taken = self.take(slot, edition, &due, max_bytes)?;
        let piece = taken.piece.write().map_err(failed)?;
        let unread = if taken.is_all { 0 } else { due.left.saturating_sub(taken.rows).max(1) };
        let pending = unread + (due.copying.missed.len() - taken.missed.len()) as u64;
        self.shelf.gave(slot, taken.last, taken.rows, &taken.missed);
        Ok(Pulled { piece: piece.into(), pending })
    }

    fn end_copy(&self, slot: Slot) {
        self.shelf.end_copy(slot);
    }

    fn entries(&self, slot: Slot) -> Result<u64, StateError> {
        self.rows(slot, self.shelf.editions(slot).0)
    }

    fn stage(&self, slot: Slot, piece: &[u8]) -> Result<(), StateError> {
        if piece.is_empty() {
            return Ok(());
        }
        let unreadable = |why| StateError::Unreadable { state: STATE.to_owned(), slot, why };
        let rows = Piece::read(slot, piece).map_err(unreadable)?;
        let edition = self.shelf.stage(slot);
        // Not safe before `staged`, which waits for the disk once for all slots of a move.
        let mut is_safe = self.is_safe.lock().unwrap_or_else(PoisonError::into_inner);
        *is_safe = false;
        let staged = self.file.write(Durability::None, |transaction| {
            let mut codes = transaction.open_table(CODES)?;
            let mut new = Vec::new();
            for (code, url) in &rows {
                let key = (slot.get(), edition, code.as_str());
                match codes.get(key)? {
                    Some(known) if known.value() != url => return Ok(Err(two_addresses(code))),
                    Some(_) => {}
                    None => new.push((key, url.as_str())),
                }
            }
            for (key, url) in &new {
                codes.insert(key, url)?;
            }
            Ok(Ok(new.len() as u64))
        });
        self.shelf.add_staged(slot, staged?.map_err(unreadable)?);
        Ok(())
    }

    fn staged(&self, slot: Slot) -> Result<u64, StateError> {
        let mut is_safe = self.is_safe.lock().unwrap_or_else(PoisonError::into_inner);
        if !*is_safe {
            self.file.write(Durability::Immediate, |_| Ok(()))?;
            *is_safe = true;
        }
        drop(is_safe);
        let rows = self.rows(slot, self.shelf.editions(slot).1)?;
        // Some other write, of another slot's copy for one, met the error that took them along.
        if rows < self.shelf.staged_rows(slot) {
            return Err(failed(format!(
                "what was copied is gone, because the disk failed: {}",
                self.file.last_failure()
            )));
        }
        Ok(rows)
    }

    fn discard(&self, slot: Slot) {
        self.shelf.discard(slot);
        self.sweep_soon();
    }

    fn open(&self, slot: Slot, epoch: u64, content: Content) -> Result<(), StateError> {
        if epoch == 0 {
            return Err(failed(format!("slot {slot} cannot be opened in epoch 0: epochs begin at 1")));
        }
        self.shelf.open(slot, epoch, content);
        self.sweep_soon();
        Ok(())
    }

    fn close(&self, slot: Slot) {
        self.shelf.close(slot);
    }

    fn forget(&self, slot: Slot) {
        self.shelf.forget(slot);
        self.sweep_soon();
    }
}

/// What was read for a piece.
struct Taken {
    piece: Piece,
    /// The last code read in their order.
    last: Option<String>,
    rows: u64,
    /// Whether that was the end.
    is_all: bool,
    /// What was missed before, and is in the piece now.
    missed: BTreeSet<String>,
}

impl Disk {
    /// Reads what is due, until the piece has `max_bytes`.
    fn take(&self, slot: Slot, edition: Edition, due: &Due, max_bytes: usize) -> Result<Taken, DiskError> {
        let given = due.copying.given.as_deref();
        self.file.read(|codes| {
            let (piece, missed) = (Piece::new(), BTreeSet::new());
            let mut taken = Taken { piece, last: None, rows: 0, is_all: true, missed };
            for row in codes.range(all_of(slot, edition, given))? {
                if taken.piece.size() >= max_bytes {
                    taken.is_all = false;
                    break;
                }
                let (key, url) = row?;
                let (_, _, code) = key.value();
                taken.piece.put(code, url.value());
                taken.last = Some(code.to_owned());
                taken.rows += 1;
            }
            for code in &due.copying.missed {
                if taken.piece.size() >= max_bytes {
                    break;
                }
                if let Some(url) = codes.get((slot.get(), edition, code.as_str()))? {
                    taken.piece.put(code, url.value());
                }
                taken.missed.insert(code.clone());
            }
            Ok(taken)
        })
    }

    fn rows(&self, slot: Slot, edition: Option<Edition>) -> Result<u64, StateError> {
        Ok(edition.map_or(Ok(0), |edition| self.file.rows(slot, edition))?)
    }
}

impl From<DiskError> for StateError {
    fn from(error: DiskError) -> Self {
        failed(error)
    }
}

fn failed(why: impl ToString) -> StateError {
    StateError::Store { state: STATE.to_owned(), why: why.to_string() }
}
