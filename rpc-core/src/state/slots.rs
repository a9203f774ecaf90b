//! `Slots`: the map we supply to providers. It knows which slot each key is in, and goes along when a slot moves.

mod cell;
mod entries;
pub(crate) mod gate;
mod piece;
#[cfg(test)]
mod tests;

use std::cell::Cell as Flag;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use self::cell::Cell;
use self::entries::Entries;
use self::gate::{Gate, not_open, untouched};
use self::piece::PieceWriter;
use super::{Content, Pulled, SlotState, StateError};
use crate::codec::envelope::MAX_DEPTH;
use crate::codec::finite::check_json;
use crate::error::{Kind, RpcError};
use crate::slot::Slot;

/// Most bytes of one entry as JSON: half of the largest answer that the target of a move reads, which holds others too.
pub const MAX_ENTRY: usize = crate::limits::MAX_MESSAGE * 8;

/// What can be a key of [`Slots`]: any type that is `Serialize + DeserializeOwned + Eq + Hash + Clone + Send + Sync + 'static`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key of `Slots`",
    label = "needs `Serialize + DeserializeOwned + Eq + Hash + Clone + Send + Sync + 'static`",
    note = "derive what is missing, or take `String` for `&str`: keys are kept, and travel to other nodes"
)]
pub trait Key: Serialize + DeserializeOwned + Eq + Hash + Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Eq + Hash + Clone + Send + Sync + 'static> Key for T {}

/// What can be a value of [`Slots`]: any type that is `Serialize + DeserializeOwned + Clone + Send + 'static`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a value of `Slots`",
    label = "needs `Serialize + DeserializeOwned + Clone + Send + 'static`",
    note = "values travel to other nodes when their slot moves; what cannot travel belongs in a field of the provider's own"
)]
pub trait Value: Serialize + DeserializeOwned + Clone + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Clone + Send + 'static> Value for T {}

/// A map whose entries live and move with the slots of their keys. Cloning is one reference count.
///
/// A provider has it as a field marked `#[rpc_state]`, or makes it with `wherever.slots("Counters.values")`. Its methods work
/// on the slot of the running call and no other: `key` must hash to that slot, the slot must still be open in the epoch in which
/// the call entered it, and the node must have authority. Otherwise nothing is changed, and the error says why. A `K` is hashed
/// as one argument of its type is.
///
/// Each operation is atomic per key. A closure runs under its slot's lock and on a copy of the value: keep it short, and if it
/// panics the old value stays. It must not use a `Slots` itself, which is refused rather than left to deadlock. Large values are
/// better split over several keys, since a change copies, and a move sends, a value as a whole.
///
/// Values are kept in memory: they survive moves, not the crash of their node.
pub struct Slots<K, V>(Arc<Inner<K, V>>);

struct Inner<K, V> {
    name: String,
    slot_of: fn(&K) -> Result<Slot, RpcError>,
    gate: Gate,
    // One lock a slot, held for one operation or one piece of a copy; never across an await.
    cells: Box<[Mutex<Cell<K, V>>]>,
}

impl<K, V> Clone for Slots<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Key, V: Value> Slots<K, V> {
    pub(crate) fn build(name: &str, slot_of: fn(&K) -> Result<Slot, RpcError>, gate: Gate) -> Self {
        let cells = Slot::all().map(|_| Mutex::new(Cell::new())).collect();
        Self(Arc::new(Inner { name: name.to_owned(), slot_of, gate, cells }))
    }

    /// The name under which the state moves.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn get(&self, key: &K) -> Result<Option<V>, RpcError> {
        self.read(key, |value| Some(value?.clone()))
    }

    /// Looks at the value of `key` without copying it.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn read<R>(&self, key: &K, look: impl FnOnce(Option<&V>) -> R) -> Result<R, RpcError> {
        self.locked(key, |cell| {
            let result = look(cell.entries().and_then(|entries| entries.get(key)));
            self.0.gate.check_authority(&self.0.name)?;
            Ok(result)
        })
    }

    /// Sets the value of `key`; returns the one before.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn insert(&self, key: &K, value: V) -> Result<Option<V>, RpcError> {
        self.with(key, |held| held.replace(value))
    }

    /// Removes `key`; returns the value it had.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn remove(&self, key: &K) -> Result<Option<V>, RpcError> {
        self.with(key, Option::take)
    }

    /// Changes the value of `key`, which is `default` if there is none.
    ///
    /// ```
    /// # fn example(values: &rpc_core::state::Slots<String, u64>, key: &String) -> Result<u64, rpc_core::RpcError> {
    /// values.update(key, 0, |value| {
    ///     *value += 1;
    ///     *value
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn update<R>(&self, key: &K, default: V, change: impl FnOnce(&mut V) -> R) -> Result<R, RpcError> {
        self.with(key, |value| change(value.get_or_insert(default)))
    }

    /// Reads and changes the value of `key`, in one step: `None` is no value, before and after.
    ///
    /// # Errors
    /// Nothing was changed, in every case. [`Kind::SlotMismatch`] for a key of another slot than the running call's;
    /// [`Kind::Internal`] outside of a call with a key, or from within another closure; [`Kind::WrongEpoch`] when the slot has
    /// gone to another node meanwhile, and [`Kind::NoAuthority`] when the node's right to execute has lapsed, both with
    /// [`Executed::Maybe`](crate::Executed::Maybe), since the call has run until here; [`Kind::Encode`] for a value that
    /// could never move: one that cannot be written as JSON (NaN, an infinity), nests deeper than 124 levels, or has with its key more
    /// than [`MAX_ENTRY`] bytes; [`Kind::BadKey`] for a key that cannot be hashed.
    ///
    /// # Panics
    /// When `change` panics; the old value stays.
    pub fn with<R>(&self, key: &K, change: impl FnOnce(&mut Option<V>) -> R) -> Result<R, RpcError> {
        self.locked(key, |cell| {
            let mut value = cell.entries().and_then(|entries| entries.get(key)).cloned();
            let result = change(&mut value);
            if let Some(value) = &value {
                self.check_movable(key, value)?;
            }
            self.0.gate.check_authority(&self.0.name)?;
            match value {
                Some(value) => cell.entries_mut().put(key, value),
                None if cell.entries().is_some() => {
                    cell.entries_mut().remove(key);
                    cell.tidy();
                }
                None => {}
            }
            Ok(result)
        })
    }

    /// Visits every entry in the slots that this node owns, slot by slot. For methods of all nodes, and for tasks of the
    /// provider's own; it needs no call. `visit` runs under the lock of the slot it is shown.
    ///
    /// # Errors
    /// [`Kind::NoAuthority`] when the node's right to execute has lapsed: others may have changed the entries by now.
    pub fn each_owned(&self, mut visit: impl FnMut(Slot, &K, &V)) -> Result<(), RpcError> {
        let _inside = Inside::enter(&self.0.name)?;
        for slot in Slot::all() {
            let cell = self.cell(slot);
            if let Some(entries) = self.owned(&cell) {
                entries.iter().for_each(|(key, value)| visit(slot, key, value));
            }
        }
        self.0.gate.check_authority(&self.0.name)
    }

    /// How many entries the slots of this node hold, at about this moment.
    ///
    /// # Panics
    /// Within a closure of a `Slots`, which holds a lock that this would wait for.
    pub fn len(&self) -> usize {
        let _inside = Inside::enter(&self.0.name).unwrap_or_else(|error| panic!("{}", error.message()));
        Slot::all().map(|slot| self.owned(&self.cell(slot)).map_or(0, Entries::len)).sum()
    }

    /// Whether the slots of this node hold nothing.
    ///
    /// # Panics
    /// As [`len`](Self::len).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs `body` on the cell of `key`, if the running call may touch it.
    fn locked<R>(&self, key: &K, body: impl FnOnce(&mut Cell<K, V>) -> Result<R, RpcError>) -> Result<R, RpcError> {
        let Inner { name, slot_of, gate, .. } = &*self.0;
        let slot = slot_of(key)?;
        let epoch = gate.admit(name, slot)?;
        let _inside = Inside::enter(name)?;
        let mut cell = self.cell(slot);
        match epoch {
            Some(asked) if asked != cell.epoch() || asked == 0 => Err(not_open(name, slot, asked, cell.epoch())),
            _ => body(&mut cell),
        }
    }

    fn check_movable(&self, key: &K, value: &V) -> Result<(), RpcError> {
        check_json(&(key, value), MAX_DEPTH - piece::AROUND, MAX_ENTRY).map_err(|error| {
            let message = format!("{} cannot keep the value, which could not move with its slot: {error}", self.0.name);
            untouched(Kind::Encode, message)
        })
    }

    /// A poisoned lock is as good as any: a change is made after the user's code is done.
    fn cell(&self, slot: Slot) -> MutexGuard<'_, Cell<K, V>> {
        self.0.cells[slot.index()].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owned<'a>(&self, cell: &'a Cell<K, V>) -> Option<&'a Entries<K, V>> {
        cell.entries().filter(|_| self.0.gate.is_standalone() || cell.epoch() != 0)
    }

    fn unreadable(&self, slot: Slot, why: String) -> StateError {
        StateError::Unreadable { state: self.0.name.clone(), slot, why }
    }

    fn failed(&self, why: impl ToString) -> StateError {
        StateError::Store { state: self.0.name.clone(), why: why.to_string() }
    }
}

impl<K: Key, V: Value> SlotState for Slots<K, V> {
    fn begin_copy(&self, slot: Slot) -> Result<(), StateError> {
        self.cell(slot).entries_mut().begin_copy();
        Ok(())
    }

    fn pull(&self, slot: Slot, max_bytes: usize) -> Result<Pulled, StateError> {
        let mut piece = PieceWriter::default();
        // The lock is held for as long as writing `max_bytes` takes.
        let pulled = self.cell(slot).entries_mut().pull(&mut piece, max_bytes);
        let pending = pulled.map_err(|error| self.failed(error))?;
        let pending = pending.ok_or_else(|| self.failed(format!("no copy of slot {slot} was begun")))?;
        Ok(Pulled { piece: piece.finish(), pending: pending as u64 })
    }

    fn end_copy(&self, slot: Slot) {
        let mut cell = self.cell(slot);
        if cell.entries().is_some() {
            cell.entries_mut().end_copy();
            cell.tidy();
        }
    }

    fn entries(&self, slot: Slot) -> Result<u64, StateError> {
        Ok(self.cell(slot).entries().map_or(0, Entries::len) as u64)
    }

    fn stage(&self, slot: Slot, piece: &[u8]) -> Result<(), StateError> {
        if piece.is_empty() {
            return Ok(());
        }
        let piece = piece::read::<K, V>(piece).map_err(|why| self.unreadable(slot, why))?;
        for key in piece.put.iter().map(|(key, _)| key).chain(&piece.gone) {
            match (self.0.slot_of)(key) {
                Ok(its) if its == slot => {}
                Ok(its) => return Err(self.unreadable(slot, format!("it holds a key of slot {its}"))),
                Err(error) => return Err(self.unreadable(slot, error.message().to_owned())),
            }
        }
        self.cell(slot).stage(piece.put, &piece.gone);
        Ok(())
    }

    fn staged(&self, slot: Slot) -> Result<u64, StateError> {
        Ok(self.cell(slot).staged() as u64)
    }

    fn discard(&self, slot: Slot) {
        self.cell(slot).discard();
    }

    fn open(&self, slot: Slot, epoch: u64, content: Content) -> Result<(), StateError> {
        if epoch == 0 {
            return Err(self.failed(format!("slot {slot} cannot be opened in epoch 0: epochs begin at 1")));
        }
        self.cell(slot).open(epoch, content);
        Ok(())
    }

    fn close(&self, slot: Slot) {
        self.cell(slot).close();
    }

    fn forget(&self, slot: Slot) {
        self.cell(slot).forget();
    }
}

impl<K, V> std::fmt::Debug for Slots<K, V> {
    /// Only the name: entries may be many, and secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Slots({})", self.0.name)
    }
}

thread_local! {
    /// Whether this thread is in a closure that a `Slots` runs under a lock.
    static INSIDE: Flag<bool> = const { Flag::new(false) };
}

/// Marks the thread as being in such a closure. A second one could wait for the first's lock, for ever.
struct Inside;

impl Inside {
    fn enter(map: &str) -> Result<Self, RpcError> {
        if INSIDE.replace(true) {
            let message =
                format!("{map} was used within a closure of `Slots`, which runs under a lock; use it before or after");
            return Err(untouched(Kind::Internal, message));
        }
        Ok(Self)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}
