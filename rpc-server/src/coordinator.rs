//! What a seed node needs to hold the cluster's coordinator on a disk.

mod redb_journal;

pub use redb_journal::RedbJournal;
