//! The embedded coordinator's journal as a redb file: each step is one transaction, which waits for the disk.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use rpc_core::coordinator::journal::{Journal, JournalError};
use rpc_core::coordinator::store::{Kept, Step};
use rpc_core::coordinator::{Entry, Event};

/// Key → revision, lease (0 for none), value.
const KEYS: TableDefinition<'_, &str, (u64, u64, &str)> = TableDefinition::new("keys");

/// Lease → time to live in milliseconds.
const LEASES: TableDefinition<'_, u64, u64> = TableDefinition::new("leases");

/// [`FORMAT`], [`NUMBER`] and [`REVISION`].
const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("about");

/// The shape of the tables, as a row of [`ABOUT`].
const FORMAT: &str = "format";

/// The only format so far.
const FORMAT_1: u64 = 1;

/// The number of the last step.
const NUMBER: &str = "number";

/// The last revision.
const REVISION: &str = "revision";

/// A journal in one file. Only one process can have it open.
#[derive(Debug)]
pub struct RedbJournal {
    path: PathBuf,
    // None: it could not be opened again after a failure.
    file: Option<Database>,
}

impl RedbJournal {
    /// Opens the file at `path`, or makes it.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be opened or made, is open elsewhere, or is of a later version.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let file = open_or_make(path).map_err(|error| at(path, &error))?;
        prepare(&file).map_err(|error| at(path, &error))?;
        let journal = Self { path: path.to_owned(), file: Some(file) };
        let format = journal.read(|about| Ok(about.get(FORMAT)?.map_or(0, |format| format.value())))?;
        if format != FORMAT_1 {
            return Err(at(path, &format!("it has the format {format}, and this program knows {FORMAT_1} only")));
        }
        Ok(journal)
    }

    fn file(&self) -> Result<&Database, JournalError> {
        self.file.as_ref().ok_or_else(|| at(&self.path, &"it is closed after an error"))
    }

    /// Reads from the table [`ABOUT`].
    fn read<T>(
        &self,
        read: impl FnOnce(&redb::ReadOnlyTable<&'static str, u64>) -> Result<T, redb::Error>,
    ) -> Result<T, JournalError> {
        let from = |file: &Database| read(&file.begin_read()?.open_table(ABOUT)?);
        from(self.file()?).map_err(|error| at(&self.path, &error))
    }

    fn load_all(file: &Database) -> Result<Kept, redb::Error> {
        let reading = file.begin_read()?;
        let about = reading.open_table(ABOUT)?;
        let number = |key| Ok::<_, redb::Error>(about.get(key)?.map_or(0, |value| value.value()));
        let mut kept = Kept { number: number(NUMBER)?, revision: number(REVISION)?, ..Kept::default() };
        for row in reading.open_table(KEYS)?.iter()? {
            let (key, row) = row?;
            let (revision, lease, value) = row.value();
            let value = Bytes::copy_from_slice(value.as_bytes());
            let lease = (lease != 0).then_some(lease);
            kept.entries.push(Entry { key: key.value().to_owned(), value, revision, lease });
        }
        for row in reading.open_table(LEASES)?.iter()? {
            let (lease, ttl) = row?;
            kept.leases.push((lease.value(), Duration::from_millis(ttl.value())));
        }
        Ok(kept)
    }
}

impl Journal for RedbJournal {
    fn load(&mut self) -> Result<Kept, JournalError> {
        Self::load_all(self.file()?).map_err(|error| at(&self.path, &error))
    }

    fn append(&mut self, step: &Step) -> Result<(), JournalError> {
        write(self.file()?, step).map_err(|error| at(&self.path, &error))
    }

    fn last(&mut self) -> Result<u64, JournalError> {
        // After an error of the disk, redb answers nothing more: only opening it again tells what has arrived.
        self.file = None;
        self.file = Some(Database::open(&self.path).map_err(|error| at(&self.path, &error))?);
        self.read(|about| Ok(about.get(NUMBER)?.map_or(0, |number| number.value())))
    }
}

/// Opens the database at `path`, or makes it.
fn open_or_make(path: &Path) -> Result<Database, DatabaseError> {
    match std::fs::File::options().read(true).write(true).create_new(true).open(path) {
        Ok(new) => make(path, || Database::builder().create_file(new)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Database::create(path),
        Err(error) => Err(error.into()),
    }
}

/// Fills the file at `path`, which is new. If that fails the file goes: half a database, as a full disk leaves it, is one that no later
/// start accepts. But not if another process has opened it in the meantime.
fn make(path: &Path, fill: impl FnOnce() -> Result<Database, DatabaseError>) -> Result<Database, DatabaseError> {
    let made = fill();
    if made.as_ref().is_err_and(|error| !matches!(error, DatabaseError::DatabaseAlreadyOpen)) {
        // What went wrong first is what is told.
        let _stays = std::fs::remove_file(path);
    }
    made
}

/// Makes the tables, so that all of them can be read.
fn prepare(file: &Database) -> Result<(), redb::Error> {
    let writing = file.begin_write()?;
    {
        writing.open_table(KEYS)?;
        writing.open_table(LEASES)?;
        let mut about = writing.open_table(ABOUT)?;
        if about.get(FORMAT)?.is_none() {
            about.insert(FORMAT, FORMAT_1)?;
        }
    }
    Ok(writing.commit()?)
}

fn write(file: &Database, step: &Step) -> Result<(), redb::Error> {
    let writing = file.begin_write()?;
    write_tables(&writing, step)?;
    // Waits for the disk.
    Ok(writing.commit()?)
}

fn write_tables(writing: &WriteTransaction, step: &Step) -> Result<(), redb::Error> {
    let mut keys = writing.open_table(KEYS)?;
    for event in &step.events {
        match event {
            // The store takes text only.
            Event::Put(Entry { key, value, revision, lease }) => {
                let value = std::str::from_utf8(value).unwrap_or_default();
                keys.insert(key.as_str(), (*revision, lease.unwrap_or(0), value))?;
            }
            Event::Deleted { key, .. } => {
                keys.remove(key.as_str())?;
            }
        }
    }
    let mut leases = writing.open_table(LEASES)?;
    if let Some((lease, ttl)) = step.granted {
        leases.insert(lease, u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX))?;
    }
    for lease in &step.ended {
        leases.remove(lease)?;
    }
    let mut about = writing.open_table(ABOUT)?;
    about.insert(NUMBER, step.number)?;
    about.insert(REVISION, step.revision)?;
    Ok(())
}

fn at(path: &Path, error: &dyn std::fmt::Display) -> JournalError {
    JournalError(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_on_a_full_disk_leaves_nothing_that_a_later_one_stumbles_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.redb");
        let full = || {
            std::fs::write(&path, "half of a database")?;
            Err(io::Error::from(io::ErrorKind::StorageFull).into())
        };
        std::fs::write(&path, "").expect("written");
        assert!(make(&path, full).is_err() && !path.exists());
        let mut journal = RedbJournal::open(&path).expect("made");
        assert_eq!(journal.load().expect("loads").number, 0);
    }

    #[test]
    fn a_file_that_was_there_before_stays_whatever_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.redb");
        std::fs::write(&path, "something else").expect("written");
        assert!(RedbJournal::open(&path).is_err());
        assert_eq!(std::fs::read(&path).expect("there"), b"something else");
        std::fs::remove_file(&path).expect("removed");
        let journal = RedbJournal::open(&path).expect("made");
        assert!(RedbJournal::open(&path).is_err_and(|error| error.0.contains("open")), "only one has it open");
        drop(journal);
        assert!(RedbJournal::open(&path).is_ok());
    }
}
