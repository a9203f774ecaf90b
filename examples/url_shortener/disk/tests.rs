//! Rows of slots that come, go, and are given up half-way.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redb::StorageBackend;
use redb::backends::FileBackend;
use tempfile::TempDir;
use wherever::{Content, SlotState, StateError};

use super::*;

/// Longest wait for the thread that writes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with the file of one node.
struct Node {
    folder: TempDir,
    disk: Disk,
    closed: oneshot::Receiver<()>,
}

impl Node {
    fn live() -> Self {
        Self::at(tempfile::tempdir().unwrap(), &Share::Live)
    }

    fn at(folder: TempDir, share: &Share) -> Self {
        let (disk, closed) = Disk::open(folder.path(), share).unwrap();
        Self { folder, disk, closed }
    }

    /// Ends it, and starts it again with the same folder.
    async fn again(self, share: &Share) -> Self {
        Self::at(self.end().await, share)
    }

    async fn end(self) -> TempDir {
        drop(self.disk);
        self.closed.await.unwrap();
        self.folder
    }

    async fn put(&self, epoch: u64, code: &str) -> Result<bool, DiskError> {
        self.disk.put(place(code, epoch), code.to_owned(), url(code)).await
    }

    async fn get(&self, epoch: u64, code: &str) -> Result<Option<String>, DiskError> {
        self.disk.get(place(code, epoch), code.to_owned()).await
    }

    fn open(&self, code: &str, epoch: u64, content: Content) {
        self.disk.open(slot(code), epoch, content).unwrap();
    }

    async fn open_and_put(&self, code: &str) -> bool {
        self.open(code, 1, Content::Empty);
        self.put(1, code).await.unwrap()
    }

    /// Every row of the file, whoever can see it.
    fn rows_in_file(&self) -> u64 {
        use redb::ReadableTableMetadata;
        self.disk.file.read(|codes| Ok(codes.len()?)).unwrap()
    }

    async fn until_rows_in_file(&self, rows: u64) {
        let started = Instant::now();
        while self.rows_in_file() != rows {
            assert!(started.elapsed() < PATIENCE, "{} rows are in the file", self.rows_in_file());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn slot(code: &str) -> Slot {
    Slot::of_text(code.as_bytes())
}

fn place(code: &str, epoch: u64) -> Place {
    Place { slot: slot(code), epoch }
}

fn url(code: &str) -> String {
    format!("https://example.com/{code}")
}

/// Codes of one slot, in their order.
fn codes_of_one_slot(count: usize) -> Vec<String> {
    let mut codes: Vec<_> =
        (0..).map(|n: u32| format!("c{n}")).filter(|code| slot(code) == slot("c0")).take(count).collect();
    codes.sort();
    codes
}

/// Copies what is due in pieces of `size`; how many there were.
fn copy(from: &Disk, to: &Disk, slot: Slot, size: usize) -> usize {
    let mut pieces = 0;
    loop {
        let pulled = from.pull(slot, size).unwrap();
        if pulled.piece.is_empty() {
            assert_eq!(pulled.pending, 0);
            return pieces;
        }
        pieces += 1;
        to.stage(slot, &pulled.piece).unwrap();
    }
}

#[tokio::test]
async fn rows_move_with_their_slot_in_pieces_and_with_what_is_put_meanwhile() {
    let (from, to) = (Node::live(), Node::live());
    let codes = codes_of_one_slot(9);
    let slot = slot(&codes[0]);
    from.open(&codes[0], 3, Content::Empty);
    for code in codes.iter().step_by(2) {
        assert!(from.put(3, code).await.unwrap());
    }
    from.disk.begin_copy(slot).unwrap();
    let first = from.disk.pull(slot, 60).unwrap();
    assert!(first.pending > 0, "one piece is not all");
    to.disk.stage(slot, &first.piece).unwrap();
    for code in codes.iter().skip(1).step_by(2) {
        assert!(from.put(3, code).await.unwrap());
    }
    assert!(copy(&from.disk, &to.disk, slot, 60) > 2);
    from.disk.close(slot);
    assert_eq!(copy(&from.disk, &to.disk, slot, 60), 0, "nothing is left for the end");
    assert_eq!((from.disk.entries(slot).unwrap(), to.disk.staged(slot).unwrap()), (9, 9));
    assert_eq!((from.disk.count(), to.disk.count()), (0, 0), "nobody serves it at this moment");
    from.disk.end_copy(slot);

    to.open(&codes[0], 4, Content::Staged);
    from.disk.forget(slot);
    for code in &codes {
        assert_eq!(to.get(4, code).await.unwrap(), Some(url(code)));
        assert!(matches!(from.get(3, code).await, Err(DiskError::NotHere { .. })));
    }
    assert_eq!(to.disk.count(), 9);
    from.until_rows_in_file(0).await;
}

#[tokio::test]
async fn a_row_put_while_a_piece_is_read_is_in_the_copy() {
    let (from, to) = (Arc::new(Node::live()), Node::live());
    let codes = codes_of_one_slot(60);
    let slot = slot(&codes[0]);
    from.open(&codes[0], 1, Content::Empty);
    from.disk.begin_copy(slot).unwrap();
    let writing = tokio::spawn({
        let (from, codes) = (from.clone(), codes.clone());
        async move {
            // From the last to the first: each one is put before the place that a copy has come to.
            for code in codes.iter().rev() {
                assert!(from.put(1, code).await.unwrap());
            }
        }
    });
    while !writing.is_finished() {
        copy(&from.disk, &to.disk, slot, 200);
        task::yield_now().await;
    }
    writing.await.unwrap();
    from.disk.close(slot);
    copy(&from.disk, &to.disk, slot, 200);
    assert_eq!(to.disk.staged(slot).unwrap(), 60);
}

#[tokio::test]
async fn a_slot_that_is_closed_or_in_another_epoch_takes_nothing() {
    let node = Node::live();
    assert!(matches!(node.put(1, "a").await, Err(DiskError::NotHere { .. })), "it was never open");
    node.open("a", 2, Content::Empty);
    assert!(matches!(node.put(1, "a").await, Err(DiskError::NotHere { .. })));
    assert!(node.put(2, "a").await.unwrap());
    assert!(!node.disk.put(place("a", 2), "a".to_owned(), url("b")).await.unwrap(), "it is taken");
    node.disk.close(slot("a"));
    assert!(matches!(node.put(2, "a").await, Err(DiskError::NotHere { .. })));
    node.open("a", 2, Content::Kept);
    assert_eq!(node.get(2, "a").await.unwrap(), Some(url("a")), "the move did not come about");
    assert_eq!(node.disk.count(), 1);
}

#[tokio::test]
async fn a_slot_that_begins_empty_hides_and_removes_what_the_file_has_of_it() {
    let node = Node::live();
    node.open("a", 1, Content::Empty);
    assert!(node.put(1, "a").await.unwrap());
    node.disk.close(slot("a"));
    // Another node had it since, and what it held is lost: what is here is older.
    node.open("a", 3, Content::Empty);
    assert_eq!(node.get(3, "a").await.unwrap(), None);
    assert_eq!(node.disk.count(), 0);
    node.until_rows_in_file(0).await;
    assert!(node.put(3, "a").await.unwrap());
    assert_eq!(node.disk.count(), 1);
}

#[tokio::test]
async fn a_copy_that_is_given_up_leaves_what_is_held_alone() {
    let (from, to) = (Node::live(), Node::live());
    let codes = codes_of_one_slot(2);
    let slot = slot(&codes[0]);
    for node in [&from, &to] {
        node.open(&codes[0], 1, Content::Empty);
    }
    assert!(from.put(1, &codes[0]).await.unwrap());
    assert!(to.put(1, &codes[1]).await.unwrap());
    to.disk.close(slot);
    from.disk.begin_copy(slot).unwrap();
    copy(&from.disk, &to.disk, slot, 1000);
    assert_eq!((to.disk.staged(slot).unwrap(), to.disk.entries(slot).unwrap()), (1, 1), "beside, not in its place");
    to.disk.discard(slot);
    assert_eq!(to.disk.staged(slot).unwrap(), 0);
    to.until_rows_in_file(1).await;
    to.open(&codes[0], 1, Content::Kept);
    assert_eq!(to.get(1, &codes[1]).await.unwrap(), Some(url(&codes[1])));
    assert_eq!(to.get(1, &codes[0]).await.unwrap(), None);
}

#[tokio::test]
async fn a_node_that_starts_over_in_a_live_cluster_sees_nothing_of_its_earlier_life() {
    let node = Node::live();
    node.open("a", 1, Content::Empty);
    assert!(node.put(1, "a").await.unwrap());
    let node = node.again(&Share::Live).await;
    for content in [Content::Kept, Content::Empty, Content::Staged] {
        node.open("a", 7, content);
        assert_eq!(node.get(7, "a").await.unwrap(), None, "{content:?}");
    }
    assert_eq!(node.rows_in_file(), 0);
    assert!(node.folder.path().join("urls-set-aside-1.redb").is_file(), "a person may still look at it");

    assert!(node.put(7, "a").await.unwrap());
    let node = node.again(&Share::Live).await;
    assert!(node.folder.path().join("urls-set-aside-2.redb").is_file(), "none is overwritten");
    let node = node.again(&Share::Live).await;
    assert!(!node.folder.path().join("urls-set-aside-3.redb").exists(), "there was nothing to set aside");
}

#[tokio::test]
async fn a_fixed_cluster_keeps_its_files() {
    let share = Share::Fixed("node 1 of 3".to_owned());
    let node = Node::at(tempfile::tempdir().unwrap(), &share);
    node.open("a", 1, Content::Kept);
    assert!(node.put(1, "a").await.unwrap());
    let node = node.again(&share).await;
    node.open("a", 1, Content::Kept);
    assert_eq!((node.get(1, "a").await.unwrap(), node.disk.count()), (Some(url("a")), 1));
    let folder = node.end().await;
    for other in [Share::Fixed("node 2 of 3".to_owned()), Share::Live] {
        let refused = Disk::open(folder.path(), &other).map(drop).unwrap_err().to_string();
        assert!(refused.contains("it was made for node 1 of 3, not for"), "{refused}");
    }
    let node = Node::at(folder, &share);
    node.open("a", 1, Content::Kept);
    assert_eq!(node.get(1, "a").await.unwrap(), Some(url("a")), "a refusal changes nothing");
}

#[tokio::test]
async fn a_piece_that_is_damaged_or_not_ours_is_refused_and_stages_nothing() {
    let node = Node::live();
    let its = slot("a");
    let bad = [
        ("{\"v\":1,\"put\":[[\"a\",\"https://exa", "EOF"),
        ("\u{0}\u{1}", "expected value"),
        ("{\"v\":2,\"put\":[]}", "version 2"),
        ("{\"v\":1,\"put\":[],\"gone\":[]}", "unknown field"),
        ("{\"v\":1,\"put\":[[\"b\",\"https://example.com/\"]]}", "b, which is in slot"),
        ("{\"v\":1,\"put\":[[\"../a\",\"https://example.com/\"]]}", "is no code"),
        ("{\"v\":1,\"put\":[[\"a\",\"javascript:alert(1)\"]]}", "only http and https"),
        ("{\"v\":1,\"put\":[[\"a\",\"\"]]}", "no address"),
        ("{\"v\":1,\"put\":[[\"a\",\"https://example.com/1\"],[\"a\",\"https://example.com/2\"]]}", "two addresses"),
    ];
    for (piece, expected) in bad {
        match node.disk.stage(its, piece.as_bytes()) {
            Err(StateError::Unreadable { why, .. }) => assert!(why.contains(expected), "{why}"),
            other => panic!("{piece} is {other:?}"),
        }
        assert_eq!(node.disk.staged(its).unwrap(), 0, "{piece}");
    }
    node.disk.stage(its, b"").unwrap();
}

/// A disk with as much room as is said.
#[derive(Debug)]
struct Small {
    file: FileBackend,
    room: Arc<AtomicU64>,
}

impl Small {
    fn fits(&self, end: u64) -> io::Result<()> {
        let fits = end <= self.room.load(Ordering::Relaxed);
        if fits { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }
}

impl StorageBackend for Small {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.fits(len).and_then(|()| self.file.set_len(len))
    }
    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.fits(offset + data.len() as u64).and_then(|()| self.file.write(offset, data))
    }
    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

/// A node whose disk has as much room as is said, and how much that is.
fn on_a_small_disk() -> (Node, Arc<AtomicU64>) {
    let (folder, room) = (tempfile::tempdir().unwrap(), Arc::new(AtomicU64::new(u64::MAX)));
    let (path, given) = (folder.path().join(NAME), room.clone());
    let opener = move || {
        let file = std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        let file = FileBackend::new(file)?;
        Ok(redb::Builder::new().create_with_backend(Small { file, room: given.clone() })?)
    };
    let (disk, closed) = Disk::start(File::open(Box::new(opener), &Share::Live).unwrap()).unwrap();
    (Node { folder, disk, closed }, room)
}

#[tokio::test]
async fn a_copy_that_another_writes_error_took_along_says_so() {
    let (node, room) = on_a_small_disk();
    let mut piece = piece::Piece::new();
    piece.put("a", &url("a"));
    node.disk.stage(slot("a"), &piece.write().unwrap()).unwrap();
    node.open("b", 1, Content::Empty);
    room.store(0, Ordering::Relaxed);
    assert!(node.put(1, "b").await.is_err());
    room.store(u64::MAX, Ordering::Relaxed);
    match node.disk.staged(slot("a")) {
        Err(StateError::Store { why, .. }) => assert!(why.contains("no storage space"), "{why}"),
        other => panic!("{other:?}"),
    }
    // Tried again, it is whole.
    node.disk.discard(slot("a"));
    node.disk.stage(slot("a"), &piece.write().unwrap()).unwrap();
    assert_eq!(node.disk.staged(slot("a")).unwrap(), 1);
}

#[tokio::test]
async fn a_full_disk_ends_a_copy_with_an_error_and_what_was_there_is_served_on() {
    let (node, room) = on_a_small_disk();
    assert!(node.open_and_put("own").await);

    room.store(std::fs::metadata(node.folder.path().join(NAME)).unwrap().len(), Ordering::Relaxed);
    let moved: Vec<_> = (0..1500).map(|n| format!("x{n}")).collect();
    let long = format!("https://example.com/{}", "x".repeat(1900));
    let stage = |code: &String| {
        let mut piece = piece::Piece::new();
        piece.put(code, &long);
        node.disk.stage(slot(code), &piece.write().unwrap())?;
        Ok(())
    };
    let staged: Result<Vec<()>, StateError> = moved.iter().map(stage).collect();
    // A copy may be in memory for the most part until it has to be safe.
    let staged =
        staged.and_then(|_| moved.iter().map(|code| node.disk.staged(slot(code))).collect::<Result<Vec<_>, _>>());
    assert!(matches!(staged, Err(StateError::Store { .. })), "{staged:?}");
    moved.iter().for_each(|code| node.disk.discard(slot(code)));

    assert_eq!(node.get(1, "own").await.unwrap(), Some(url("own")), "what is served here is served on");
    room.store(u64::MAX, Ordering::Relaxed);
    assert!(node.open_and_put("another").await, "with room again, it goes on");
    node.until_rows_in_file(2).await;
}

#[tokio::test]
async fn a_start_on_a_full_disk_leaves_nothing_that_a_later_one_stumbles_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    let full = || {
        std::fs::write(&path, "half of a database")?;
        Err(io::Error::from(io::ErrorKind::StorageFull).into())
    };
    std::fs::write(&path, "").unwrap();
    assert!(make(&path, full).is_err() && !path.exists());
    assert!(Node::at(folder, &Share::Live).open_and_put("a").await);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    std::fs::write(&path, "something else").unwrap();
    assert!(Disk::open(folder.path(), &Share::Live).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"something else", "what was there before stays, whatever it is");
}
