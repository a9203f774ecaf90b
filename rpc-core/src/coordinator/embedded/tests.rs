//! What a failing disk does, and what only a coordinator in this process shows; the rest is in the conformance suite.

use std::sync::atomic::AtomicU64;

use bytes::Bytes;

use super::super::store::{Kept, Step};
use super::super::{Event, Op};
use super::*;
use crate::clock::BootClock;

/// A disk that fails as told: 0 works, 1 refuses, 2 writes and then fails, 3 also cannot be read.
#[derive(Clone, Default)]
struct Disk {
    mood: Arc<AtomicU64>,
    last: Arc<AtomicU64>,
}

impl Disk {
    fn set(&self, mood: u64) {
        self.mood.store(mood, Ordering::SeqCst);
    }
}

impl Journal for Disk {
    fn load(&mut self) -> Result<Kept, JournalError> {
        Ok(Kept::default())
    }

    fn append(&mut self, step: &Step) -> Result<(), JournalError> {
        let mood = self.mood.load(Ordering::SeqCst);
        if mood != 1 {
            self.last.store(step.number, Ordering::SeqCst);
        }
        if mood == 0 { Ok(()) } else { Err(JournalError("no space left".to_owned())) }
    }

    fn last(&mut self) -> Result<u64, JournalError> {
        match self.mood.load(Ordering::SeqCst) {
            3 => Err(JournalError("input/output error".to_owned())),
            _ => Ok(self.last.load(Ordering::SeqCst)),
        }
    }
}

fn put(key: &str) -> Txn {
    let op = Op::Put { key: key.to_owned(), value: Bytes::from_static(b"v"), lease: None };
    Txn { ops: vec![op], ..Txn::default() }
}

async fn keys(embedded: &Embedded) -> Vec<String> {
    embedded.range("").await.expect("a range").entries.into_iter().map(|entry| entry.key).collect()
}

#[tokio::test]
async fn a_full_disk_refuses_and_the_store_is_never_ahead_of_it() {
    let disk = Disk::default();
    let embedded = Embedded::with_journal(Arc::new(BootClock), Box::new(disk.clone())).expect("started");
    embedded.transact(put("a")).await.expect("written");
    disk.set(1);
    assert!(matches!(embedded.transact(put("b")).await, Err(CoordinatorError::Full(_))));
    assert_eq!(keys(&embedded).await, ["a"]);
    disk.set(0);
    assert_eq!(embedded.transact(put("c")).await.expect("written").revision, 2);
}

/// Tells when it is to write, and does when it is let.
struct Hung(tokio::sync::mpsc::UnboundedSender<()>, std::sync::mpsc::Receiver<()>, u64);

impl Hung {
    #[allow(clippy::type_complexity)]
    fn new() -> (Self, tokio::sync::mpsc::UnboundedReceiver<()>, std::sync::mpsc::Sender<()>) {
        let ((begins, begun), (lets, let_go)) = (tokio::sync::mpsc::unbounded_channel(), std::sync::mpsc::channel());
        (Self(begins, let_go, 0), begun, lets)
    }
}

impl Journal for Hung {
    fn load(&mut self) -> Result<Kept, JournalError> {
        Ok(Kept::default())
    }

    fn append(&mut self, step: &Step) -> Result<(), JournalError> {
        let _ = self.0.send(());
        self.1.recv().map_err(|gone| JournalError(gone.to_string()))?;
        self.2 = step.number;
        Ok(())
    }

    fn last(&mut self) -> Result<u64, JournalError> {
        Ok(self.2)
    }
}

const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_carried_out_after_all() {
    let (disk, mut begun, lets) = Hung::new();
    let embedded = Embedded::with_journal(Arc::new(BootClock), Box::new(disk)).expect("started");
    let first = embedded.transact_within(put("begun"), LONG);
    tokio::select! {
        biased;
        answered = first => panic!("{answered:?}"),
        _ = begun.recv() => {}
    }
    let late = embedded.transact_within(put("late"), Duration::from_millis(1)).await;
    assert!(matches!(late, Err(CoordinatorError::Unavailable(_))), "{late:?}");
    lets.send(()).expect("the disk listens");
    lets.send(()).expect("the disk listens");
    embedded.transact_within(put("waited for"), LONG).await.expect("written");
    assert_eq!(keys(&embedded).await, ["begun", "waited for"]);
}

#[tokio::test]
async fn what_waits_for_a_moment_takes_turns_with_what_waits_long_the_youngest_of_that_first() {
    let (disk, mut begun, lets) = Hung::new();
    let embedded = Embedded::with_journal(Arc::new(BootClock), Box::new(disk)).expect("started");
    let mut waiting: Vec<_> = (0..5).map(|n| embedded.transact_within(put(&format!("long{n}")), LONG)).collect();
    // Each is queued by its first poll; the first one is under way before the others come.
    assert!(futures_util::poll!(&mut waiting[0]).is_pending());
    begun.recv().await;
    for long in &mut waiting[1..] {
        assert!(futures_util::poll!(long).is_pending());
    }
    let mut hasty = embedded.transact_within(put("hasty"), CALL_TIME);
    assert!(futures_util::poll!(&mut hasty).is_pending());
    for _ in 0..6 {
        lets.send(()).expect("the disk listens");
    }
    hasty.await.expect("written");
    futures_util::future::try_join_all(waiting).await.expect("written");
    let entries = embedded.range("").await.expect("a range").entries;
    let mut order: Vec<_> = entries.into_iter().map(|entry| (entry.revision, entry.key)).collect();
    order.sort();
    let order: Vec<_> = order.into_iter().map(|(_, key)| key).collect();
    let after_first = &order[1..3];
    assert!(after_first.contains(&"hasty".to_owned()) && after_first.contains(&"long4".to_owned()), "{order:?}");
    assert_eq!(order[3..], ["long3", "long2", "long1"]);
}

#[tokio::test]
async fn a_write_that_failed_after_it_was_on_the_disk_counts() {
    let disk = Disk::default();
    let embedded = Embedded::with_journal(Arc::new(BootClock), Box::new(disk.clone())).expect("started");
    disk.set(2);
    embedded.transact(put("a")).await.expect("written");
    disk.set(3);
    assert!(matches!(embedded.transact(put("b")).await, Err(CoordinatorError::Unavailable(_))));
    assert!(matches!(embedded.transact(put("c")).await, Err(CoordinatorError::Unavailable(_))));
    assert_eq!(keys(&embedded).await, ["a"], "nothing goes on before it is known what became of b");
    disk.set(0);
    embedded.transact(put("c")).await.expect("written");
    assert_eq!(keys(&embedded).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_watch_ends_when_its_coordinator_does() {
    let embedded = Embedded::in_memory(Arc::new(BootClock));
    let mut watch = embedded.watch("", 1).await.expect("a watch");
    embedded.transact(put("a")).await.expect("written");
    let told = watch.next().await.expect("told").expect("changes");
    assert!(matches!(&told.events[..], [Event::Put(entry)] if entry.key == "a"));
    drop(embedded);
    assert!(matches!(watch.next().await, Some(Err(CoordinatorError::Unavailable(_)))));
    assert!(watch.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_quiet_watch_gives_a_sign_every_second() {
    let embedded = Embedded::in_memory(Arc::new(BootClock));
    let mut watch = embedded.watch("a/", 1).await.expect("a watch");
    embedded.transact(put("b/1")).await.expect("written");
    let told = watch.next().await.expect("told").expect("changes");
    assert_eq!(told, Changes { revision: 1, events: vec![] });
}
