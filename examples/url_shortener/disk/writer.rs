//! The thread that writes: commits what is waiting, again and again, and clears away what nobody can see any more.

use std::io;
use std::sync::Arc;
use std::thread;

use redb::{Durability, ReadableTable, Table};
use tokio::sync::{mpsc, oneshot};

use super::file::{CODES, File, Key, all_of};
use super::shelf::{Edition, Shelf};
use super::{DiskError, Place};

/// Most writes that wait for the thread; further ones wait for room. One transaction takes at most as many.
pub(super) const WAITING: usize = 1024;

/// Most rows removed in one transaction, for which writes wait: some milliseconds.
const SWEPT_ROWS: usize = 4096;

/// Most editions swept in one transaction: an empty one costs a look, too.
const SWEPT_EDITIONS: usize = 512;

/// What the thread is to do.
pub(super) enum Work {
    Write(Write),
    /// Look for editions to remove.
    Sweep,
}

/// A write that waits, and whom to tell.
pub(super) struct Write {
    pub(super) place: Place,
    pub(super) code: String,
    pub(super) url: String,
    pub(super) answer: oneshot::Sender<Result<bool, DiskError>>,
}

/// What became of a write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// The code stands for the address from now on.
    New,
    /// It did already.
    Before,
    /// It stands for another.
    No,
}

/// Starts the thread. It ends when nobody is left who could send work; the receiver is ready when the file is closed.
pub(super) fn spawn(
    file: Arc<File>,
    shelf: Arc<Shelf>,
    waiting: mpsc::Receiver<Work>,
) -> io::Result<oneshot::Receiver<()>> {
    let (close, closed) = oneshot::channel();
    let run = move || {
        run(&file, &shelf, waiting);
        drop(file);
        let _ = close.send(());
    };
    thread::Builder::new().name("urls-writer".to_owned()).spawn(run)?;
    Ok(closed)
}

fn run(file: &File, shelf: &Shelf, mut waiting: mpsc::Receiver<Work>) {
    let mut work = Vec::with_capacity(WAITING);
    while waiting.blocking_recv_many(&mut work, WAITING) > 0 {
        let writes = |work| if let Work::Write(write) = work { Some(write) } else { None };
        let batch: Vec<Write> = work.drain(..).filter_map(writes).collect();
        if !batch.is_empty() {
            write_all(file, shelf, batch);
        }
        // Until there is nothing left to remove, or something to write.
        while sweep(file, shelf) && waiting.is_empty() {}
    }
    while sweep(file, shelf) {}
}

/// Commits the batch as one transaction, and tells each write what became of it.
fn write_all(file: &File, shelf: &Shelf, batch: Vec<Write>) {
    let editions = shelf.begin(batch.iter().map(|write| write.place));
    let done = file.write(Durability::Immediate, |transaction| {
        let mut codes = transaction.open_table(CODES)?;
        let keep = |(write, edition): (&Write, &Result<Edition, DiskError>)| match edition {
            Ok(edition) => keep(&mut codes, write, *edition),
            Err(_) => Ok(Kept::No),
        };
        batch.iter().zip(&editions).map(keep).collect::<Result<Vec<_>, redb::Error>>()
    });
    let added = batch.iter().zip(&editions).zip(done.iter().flatten());
    let added = added.filter_map(|((write, edition), kept)| {
        let edition = *edition.as_ref().ok().filter(|_| *kept == Kept::New)?;
        Some((write.place, edition, write.code.as_str()))
    });
    shelf.end(&added.collect::<Vec<_>>());
    if done.is_err() {
        // A commit that failed may have arrived in spite of it.
        recount(file, shelf, &batch, &editions);
    }
    for (position, (write, edition)) in batch.into_iter().zip(editions).enumerate() {
        let kept = edition.and_then(|_| done.as_ref().map(|kept| kept[position] != Kept::No).map_err(Clone::clone));
        // A caller that gave up does not hear of it.
        let _ = write.answer.send(kept);
    }
}

fn keep(codes: &mut Table<'_, Key, &'static str>, write: &Write, edition: Edition) -> Result<Kept, redb::Error> {
    let key = (write.place.slot.get(), edition, write.code.as_str());
    if let Some(found) = codes.get(key)? {
        return Ok(if found.value() == write.url { Kept::Before } else { Kept::No });
    }
    codes.insert(key, write.url.as_str())?;
    Ok(Kept::New)
}

fn recount(file: &File, shelf: &Shelf, batch: &[Write], editions: &[Result<Edition, DiskError>]) {
    for (write, edition) in batch.iter().zip(editions) {
        if let Ok(edition) = edition
            && let Ok(rows) = file.rows(write.place.slot, *edition)
        {
            shelf.recount(write.place.slot, *edition, rows);
        }
    }
}

/// Removes some of the rows that nobody can see any more. Whether there are others.
fn sweep(file: &File, shelf: &Shelf) -> bool {
    let unwanted = shelf.unwanted(SWEPT_EDITIONS);
    if unwanted.is_empty() {
        return false;
    }
    let removed = file.write(Durability::Immediate, |transaction| {
        let mut codes = transaction.open_table(CODES)?;
        let mut rows = 0;
        let mut empty = Vec::new();
        for &(slot, edition) in &unwanted {
            for row in codes.extract_from_if(all_of(slot, edition, None), |_, _| true)?.take(SWEPT_ROWS - rows) {
                row?;
                rows += 1;
            }
            if rows == SWEPT_ROWS {
                break;
            }
            empty.push((slot, edition));
        }
        Ok(empty)
    });
    match removed {
        Ok(empty) => {
            shelf.removed(&empty);
            true
        }
        Err(error) => {
            // They are invisible, and tried again when there is other work.
            tracing::warn!(%error, "rows of slots that have gone could not be removed");
            false
        }
    }
}
