//! The redb file itself: its tables, what is read from them, and opening it again after the disk has failed.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use redb::{Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata};
use redb::{TableDefinition, WriteTransaction};
use wherever::Slot;

use super::shelf::{Edition, FIRST};
use super::{DiskError, Share};

/// Slot, edition and code.
pub(super) type Key = (u16, Edition, &'static str);

/// A key to start or to stop at.
type Start<'a> = (u16, Edition, &'a str);

/// Slot, edition and code → address. By slots, so that one slot's rows are read and removed without a look at the others; an edition is one
/// copy of a slot's rows, of which the file may hold several, while at most one is served.
pub(super) const CODES: TableDefinition<'_, Key, &str> = TableDefinition::new("codes");

/// What the file says of itself: for which share of the slots it was made.
const ABOUT: TableDefinition<'_, &str, &str> = TableDefinition::new("about");

/// How often a transaction is begun that the errors of others end: they fail one after the other when the disk is full.
const TRIES: u32 = 3;

/// Opens the database.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, redb::Error> + Send + Sync>;

/// The file.
pub(super) struct File {
    open: Opener,
    // Read by whoever works on the file, for one transaction; written only to open it again. Never across an await.
    opened: RwLock<Opened>,
    /// The last error of the disk, for those who find what they wrote gone with it.
    failed: Mutex<Option<Arc<redb::Error>>>,
}

struct Opened {
    /// None if it could not be opened again: whoever needs it next tries once more.
    database: Option<Database>,
    /// How often it was opened, so that of many who see it fail only one opens it.
    times: u64,
}

impl File {
    /// Opens the file, or makes it, for this share.
    pub(super) fn open(open: Opener, share: &Share) -> Result<Self, DiskError> {
        let database = open().map_err(redb_error)?;
        let made_for = prepare(&database, share.text()).map_err(redb_error)?;
        if made_for != share.text() {
            return Err(DiskError::OtherShare { made_for, share: share.text().to_owned() });
        }
        let opened = RwLock::new(Opened { database: Some(database), times: 1 });
        Ok(Self { open, opened, failed: Mutex::default() })
    }

    /// Works on the file. After an error of the disk redb answers nothing more, though the disk may: the file is then opened again
    /// for those who come next, and what was not yet made safe is gone with it. Whoever fails because of somebody else's error tries
    /// again, so `work` must be such that half of it does no harm.
    fn with<T>(&self, work: impl Fn(&Database) -> Result<T, redb::Error>) -> Result<T, DiskError> {
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let (done, times) = {
                let opened = self.usable()?;
                let database = opened.database.as_ref().ok_or(DiskError::Closed)?;
                (work(database), opened.times)
            };
            match done {
                Err(redb::Error::PreviousIo) if tries > 0 => self.open_again(times)?,
                Err(error @ (redb::Error::Io(_) | redb::Error::PreviousIo)) => {
                    let error = Arc::new(error);
                    if matches!(*error, redb::Error::Io(_)) {
                        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
                    }
                    // What fails here fails whoever comes next, who hears of it.
                    let _later = self.open_again(times);
                    return Err(DiskError::File(error));
                }
                done => return done.map_err(redb_error),
            }
        }
    }

    fn usable(&self) -> Result<RwLockReadGuard<'_, Opened>, DiskError> {
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        if opened.database.is_some() {
            return Ok(opened);
        }
        let times = opened.times;
        drop(opened);
        self.open_again(times)?;
        Ok(self.opened.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn open_again(&self, times: u64) -> Result<(), DiskError> {
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        if opened.times == times {
            // Closed first: only one can have it open.
            opened.database = None;
            opened.database = Some((self.open)().map_err(redb_error)?);
            opened.times += 1;
        }
        Ok(())
    }

    /// The error of the disk with which everything went that was not yet safe.
    pub(super) fn last_failure(&self) -> String {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.as_ref().map_or_else(|| "for a reason that another write was told".to_owned(), ToString::to_string)
    }

    /// Reads the codes.
    pub(super) fn read<T>(
        &self,
        read: impl Fn(&ReadOnlyTable<Key, &'static str>) -> Result<T, redb::Error>,
    ) -> Result<T, DiskError> {
        self.with(|database| read(&database.begin_read()?.open_table(CODES)?))
    }

    /// Writes in one transaction, which waits for the disk if it is to be durable.
    pub(super) fn write<T>(
        &self,
        durability: Durability,
        write: impl Fn(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, DiskError> {
        self.with(|database| {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(durability)?;
            let written = write(&transaction)?;
            transaction.commit()?;
            Ok(written)
        })
    }

    /// One row.
    pub(super) fn row(&self, slot: Slot, edition: Edition, code: &str) -> Result<Option<String>, DiskError> {
        self.read(|codes| Ok(codes.get((slot.get(), edition, code))?.map(|url| url.value().to_owned())))
    }

    /// How many rows there are of one edition.
    pub(super) fn rows(&self, slot: Slot, edition: Edition) -> Result<u64, DiskError> {
        self.read(|codes| {
            let mut rows = 0;
            for row in codes.range(all_of(slot, edition, None))? {
                row?;
                rows += 1;
            }
            Ok(rows)
        })
    }

    /// How many rows of the first edition there are, the only one that is served after a restart.
    pub(super) fn rows_by_slot(&self) -> Result<BTreeMap<Slot, u64>, DiskError> {
        self.read(|codes| {
            let mut rows = BTreeMap::new();
            for row in codes.iter()? {
                let (key, _) = row?;
                let (slot, edition, _) = key.value();
                if let Some(slot) = Slot::new(slot).filter(|_| edition == FIRST) {
                    *rows.entry(slot).or_default() += 1;
                }
            }
            Ok(rows)
        })
    }

    /// Whether there is no row at all.
    pub(super) fn is_empty(&self) -> Result<bool, DiskError> {
        self.read(|codes| Ok(codes.is_empty()?))
    }
}

/// The rows of one edition, or those of them `after` a code.
pub(super) fn all_of(slot: Slot, edition: Edition, after: Option<&str>) -> (Bound<Start<'_>>, Bound<Start<'_>>) {
    let slot = slot.get();
    let from = after.map_or(Bound::Included((slot, edition, "")), |code| Bound::Excluded((slot, edition, code)));
    (from, Bound::Excluded((slot, edition + 1, "")))
}

/// Makes the tables, and says for which share they were made.
fn prepare(file: &Database, share: &str) -> Result<String, redb::Error> {
    let transaction = file.begin_write()?;
    transaction.open_table(CODES)?;
    let mut about = transaction.open_table(ABOUT)?;
    let found = about.get("share")?.map(|found| found.value().to_owned());
    if found.is_none() {
        about.insert("share", share)?;
    }
    drop(about);
    transaction.commit()?;
    Ok(found.unwrap_or_else(|| share.to_owned()))
}

fn redb_error(error: redb::Error) -> DiskError {
    DiskError::File(Arc::new(error))
}
