//! One node's codes in a redb file, each write on the disk before it is answered.
//!
//! A commit waits for the disk, for milliseconds, whether it holds one write or a hundred. So one thread does all the writing: it
//! takes every write that is waiting, commits them as one transaction, and answers them all. While it commits, the next ones
//! gather. The file could be told not to wait for the disk; then an address that somebody was already given could be lost.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table, TableDefinition};
use tokio::sync::{mpsc, oneshot};
use tokio::task;

const CODES: TableDefinition<'_, &str, &str> = TableDefinition::new("codes");

/// What the file says of itself: for which share of the slots it was made.
const ABOUT: TableDefinition<'_, &str, &str> = TableDefinition::new("about");

/// Most writes that wait for the thread; further ones wait for room. One transaction takes at most as many.
const WAITING: usize = 1024;

/// The file. Cloning is two reference counts.
#[derive(Clone)]
pub(crate) struct Disk {
    file: Arc<Database>,
    writes: mpsc::Sender<Write>,
}

/// A write that waits, and whom to tell.
struct Write {
    code: String,
    url: String,
    answer: oneshot::Sender<Result<bool, DiskError>>,
}

/// Why the file cannot be read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum DiskError {
    /// What redb says.
    #[error(transparent)]
    File(#[from] Arc<redb::Error>),
    /// The thread that writes is gone, or the program is ending.
    #[error("it is closed")]
    Closed,
    /// Codes stay where they were put, so a file cannot follow its node into another cluster.
    #[error(
        "it was made for {made_for}, not for {share}: start its node with the same list of nodes, or with an empty --data"
    )]
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
    /// Opens or makes the file in `folder` for this `share` of the slots. When the last clone is dropped, the thread commits what
    /// waits and closes the file; then the receiver is ready.
    pub(crate) fn open(folder: &Path, share: &str) -> Result<(Self, oneshot::Receiver<()>), DiskError> {
        std::fs::create_dir_all(folder).map_err(Arc::new)?;
        let file = Arc::new(Database::create(folder.join("urls.redb")).map_err(redb_error)?);
        prepare(&file, share)?;
        let (writes, waiting) = mpsc::channel(WAITING);
        let (close, closed) = oneshot::channel();
        let writer = file.clone();
        let run = move || {
            write_all(&writer, waiting);
            drop(writer);
            let _ = close.send(());
        };
        thread::Builder::new().name("urls-writer".to_owned()).spawn(run).map_err(Arc::new)?;
        Ok((Self { file, writes }, closed))
    }

    /// Keeps `url` under `code`; false if another one is kept there. It is on the disk when this is ready.
    ///
    /// # Cancel safety
    /// The write may happen even when the future is dropped.
    pub(crate) async fn put(&self, code: String, url: String) -> Result<bool, DiskError> {
        let (answer, answered) = oneshot::channel();
        self.writes.send(Write { code, url, answer }).await.map_err(|_| DiskError::Closed)?;
        answered.await.map_err(|_| DiskError::Closed)?
    }

    /// What is kept under `code`.
    pub(crate) async fn get(&self, code: String) -> Result<Option<String>, DiskError> {
        self.read(move |codes| Ok(codes.get(code.as_str())?.map(|url| url.value().to_owned()))).await
    }

    /// How many codes are kept.
    pub(crate) async fn count(&self) -> Result<u64, DiskError> {
        self.read(|codes| Ok(codes.len()?)).await
    }

    /// Reads off the threads that serve: a page that is not in memory is fetched from the disk.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(redb::ReadOnlyTable<&'static str, &'static str>) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, DiskError> {
        let file = self.file.clone();
        let open = move || Ok::<_, redb::Error>(file.begin_read()?.open_table(CODES)?);
        let done = task::spawn_blocking(move || open().and_then(read)).await.map_err(|_| DiskError::Closed)?;
        done.map_err(redb_error)
    }
}

/// Makes the tables, or checks that they were made for the same share.
fn prepare(file: &Database, share: &str) -> Result<(), DiskError> {
    let made_for = || -> Result<String, redb::Error> {
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
    };
    let made_for = made_for().map_err(redb_error)?;
    if made_for == share { Ok(()) } else { Err(DiskError::OtherShare { made_for, share: share.to_owned() }) }
}

/// The thread: commits what is waiting, again and again, until nobody is left who could send a write.
fn write_all(file: &Database, mut waiting: mpsc::Receiver<Write>) {
    let mut batch = Vec::with_capacity(WAITING);
    while waiting.blocking_recv_many(&mut batch, WAITING) > 0 {
        let done = commit(file, &batch).map_err(redb_error);
        for (position, write) in batch.drain(..).enumerate() {
            let answer = done.as_ref().map(|kept| kept[position]).map_err(Clone::clone);
            // A caller that gave up does not hear of it.
            let _ = write.answer.send(answer);
        }
    }
}

/// Commits the batch as one transaction; says of each write whether its code now stands for its address.
fn commit(file: &Database, batch: &[Write]) -> Result<Vec<bool>, redb::Error> {
    let transaction = file.begin_write()?;
    let mut codes = transaction.open_table(CODES)?;
    let kept = batch.iter().map(|write| keep(&mut codes, write)).collect::<Result<_, _>>()?;
    drop(codes);
    transaction.commit()?;
    Ok(kept)
}

fn keep(codes: &mut Table<'_, &'static str, &'static str>, write: &Write) -> Result<bool, redb::Error> {
    if let Some(found) = codes.get(write.code.as_str())? {
        return Ok(found.value() == write.url);
    }
    codes.insert(write.code.as_str(), write.url.as_str())?;
    Ok(true)
}

fn redb_error(error: impl Into<redb::Error>) -> DiskError {
    DiskError::File(Arc::new(error.into()))
}
