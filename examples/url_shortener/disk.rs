//! One node's codes in a redb file, each write on the disk before it is answered.
//!
//! A commit waits for the disk, for milliseconds, whether it holds one write or a hundred. So one thread does all the writing: it
//! takes every write that is waiting, commits them as one transaction, and answers them all. While it commits, the next ones
//! gather. The file could be told not to wait for the disk; then an address that somebody was already given could be lost.
//!
//! The rows lie in the file by their slots. When a slot moves to another node, its rows go along (`copy`): they are read out of this
//! file, written into the other one, and removed here once they are served there.
//!
//! **Whose rows are they after a restart?** In a fixed cluster a slot never is another node's, so the file is right whenever its node
//! comes back. In a live cluster others may have taken the slots over meanwhile, and nobody tells a file that this has happened. So
//! a node starts with no rows there: it has those that its moves bring and those that are put while it owns their slots. What an
//! earlier life has left in the file, because it could not hand it over, is set aside in a file of its own, which is never read
//! here: what the cluster answers is decided by the cluster, and what to do with the rest by a person.

mod copy;
mod file;
mod piece;
mod shelf;
#[cfg(test)]
mod tests;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use redb::{Database, DatabaseError};
use tokio::sync::{mpsc, oneshot};
use tokio::task;
use wherever::Slot;

pub(crate) use copy::STATE;
use file::File;
use shelf::Shelf;
use writer::{WAITING, Work, Write};

/// The node's file, in the folder that it was given.
const NAME: &str = "urls.redb";

/// The file. Cloning is four reference counts.
#[derive(Clone)]
pub(crate) struct Disk {
    file: Arc<File>,
    shelf: Arc<Shelf>,
    work: mpsc::Sender<Work>,
    // Whether everything staged is on the disk. Held while it is put there, so that nobody takes it for safe too early; never across
    // an await.
    is_safe: Arc<Mutex<bool>>,
}

/// What the file is for: which of the rows found in it are right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// One node's part of the slots of a fixed cluster: all rows, for as long as the part is the same.
    Fixed(String),
    /// Slots that come and go: none of the rows of an earlier life.
    Live,
}

/// A slot as a running call entered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The slot of the call's key.
    pub(crate) slot: Slot,
    /// The slot's epoch when the call entered.
    pub(crate) epoch: u64,
}

/// Why the file cannot be read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum DiskError {
    /// What redb says: the disk is full or broken, or the file is damaged.
    #[error(transparent)]
    File(#[from] Arc<redb::Error>),
    /// The thread that writes is gone, or the program is ending.
    #[error("it is closed")]
    Closed,
    /// The slot is not served here any more, or not in the epoch in which the call entered it. Nothing was written.
    #[error("slot {slot} is not served here in epoch {epoch} any more")]
    NotHere {
        /// The slot.
        slot: Slot,
        /// The call's epoch.
        epoch: u64,
    },
    /// A file cannot follow its node into another cluster.
    #[error("it was made for {made_for}, not for {share}: start its node as before, or with an empty --data")]
    OtherShare {
        /// The share that the file says it holds.
        made_for: String,
        /// The share that this node has.
        share: String,
    },
    /// The folder cannot be made, or the thread cannot be started.
    #[error(transparent)]
    System(#[from] Arc<io::Error>),
}

impl Disk {
    /// Opens or makes the file in `folder`. When the last clone is dropped, the thread commits what waits and closes the file; then
    /// the receiver is ready.
    pub(crate) fn open(folder: &Path, share: &Share) -> Result<(Self, oneshot::Receiver<()>), DiskError> {
        std::fs::create_dir_all(folder).map_err(Arc::new)?;
        let path = folder.join(NAME);
        let mut file = open_file(&path, share)?;
        if *share == Share::Live && !file.is_empty()? {
            drop(file);
            let aside = set_aside(&path).map_err(Arc::new)?;
            let aside = aside.display();
            tracing::warn!(
                "what this node kept when it last ended belongs to no slot of its own any more; it is in {aside}"
            );
            file = open_file(&path, share)?;
        }
        Self::start(file)
    }

    fn start(file: File) -> Result<(Self, oneshot::Receiver<()>), DiskError> {
        let file = Arc::new(file);
        let shelf = Arc::new(Shelf::new(&file.rows_by_slot()?));
        let (work, waiting) = mpsc::channel(WAITING);
        let closed = writer::spawn(file.clone(), shelf.clone(), waiting).map_err(Arc::new)?;
        Ok((Self { file, shelf, work, is_safe: Arc::new(Mutex::new(true)) }, closed))
    }

    /// Keeps `url` under `code`; false if another one is kept there. It is on the disk when this is ready.
    ///
    /// # Cancel safety
    /// The write may happen even when the future is dropped, but not once the slot has gone.
    pub(crate) async fn put(&self, place: Place, code: String, url: String) -> Result<bool, DiskError> {
        let (answer, answered) = oneshot::channel();
        let write = Write { place, code, url, answer };
        self.work.send(Work::Write(write)).await.map_err(|_| DiskError::Closed)?;
        answered.await.map_err(|_| DiskError::Closed)?
    }

    /// What is kept under `code`.
    pub(crate) async fn get(&self, place: Place, code: String) -> Result<Option<String>, DiskError> {
        let edition = self.shelf.edition(place)?;
        let file = self.file.clone();
        // Off the threads that serve: a page that is not in memory is fetched from the disk.
        let found = task::spawn_blocking(move || file.row(place.slot, edition, &code));
        let found = found.await.map_err(|_| DiskError::Closed)??;
        // An edition that went while it was read may have been read in part.
        if self.shelf.edition(place)? == edition { Ok(found) } else { Err(place.gone()) }
    }

    /// How many codes are kept in the slots that are served here.
    pub(crate) fn count(&self) -> u64 {
        self.shelf.rows()
    }

    /// Makes the thread look for rows that nobody can see any more.
    fn sweep_soon(&self) {
        // With its queue full the thread is awake, and looks anyway.
        let _full_or_closed = self.work.try_send(Work::Sweep);
    }
}

impl Place {
    fn gone(self) -> DiskError {
        DiskError::NotHere { slot: self.slot, epoch: self.epoch }
    }
}

impl Share {
    /// As the file says it.
    fn text(&self) -> &str {
        match self {
            Self::Fixed(share) => share,
            Self::Live => "a live cluster",
        }
    }
}

fn open_file(path: &Path, share: &Share) -> Result<File, DiskError> {
    let path = path.to_owned();
    File::open(Box::new(move || Ok(open_or_make(&path)?)), share)
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

/// Gives the file another name, which none has yet.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let name = |number: u32| path.with_file_name(format!("urls-set-aside-{number}.redb"));
    let aside = (1..).map(name).find(|aside| !aside.exists()).unwrap_or_else(|| name(0));
    std::fs::rename(path, &aside)?;
    Ok(aside)
}
