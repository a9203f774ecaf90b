//! A piece of a copy as JSON: `{"v":1,"put":[[key,value],…],"gone":[key,…]}`. JSON, since nodes of different builds hand slots to
//! each other; a build that changes the form counts the version up, and older ones refuse the copy instead of guessing.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codec::finite::{EncodeError, write_json};

/// The version of the form.
const VERSION: u32 = 1;

/// Levels of nesting around an entry: the piece, and its list.
pub(super) const AROUND: usize = 2;

/// A piece being written.
#[derive(Default)]
pub(super) struct PieceWriter {
    put: Vec<u8>,
    gone: Vec<u8>,
}

impl PieceWriter {
    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        self.put.len() + self.gone.len()
    }

    pub(super) fn put<K: Serialize, V: Serialize>(&mut self, key: &K, value: &V) -> Result<(), EncodeError> {
        append(&mut self.put, &(key, value))
    }

    pub(super) fn remove<K: Serialize>(&mut self, key: &K) -> Result<(), EncodeError> {
        append(&mut self.gone, key)
    }

    /// The piece; empty if nothing was written.
    pub(super) fn finish(self) -> Bytes {
        if self.len() == 0 {
            return Bytes::new();
        }
        let mut piece = format!("{{\"v\":{VERSION},\"put\":[").into_bytes();
        piece.reserve_exact(self.len() + 12);
        piece.extend_from_slice(&self.put);
        piece.extend_from_slice(b"],\"gone\":[");
        piece.extend_from_slice(&self.gone);
        piece.extend_from_slice(b"]}");
        piece.into()
    }
}

fn append<T: Serialize>(list: &mut Vec<u8>, item: &T) -> Result<(), EncodeError> {
    if !list.is_empty() {
        list.push(b',');
    }
    write_json(list, item)
}

/// A piece read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Piece<K, V> {
    v: u32,
    pub(super) put: Vec<(K, V)>,
    pub(super) gone: Vec<K>,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

/// Reads a piece.
///
/// # Errors
/// A sentence saying why it cannot be read.
pub(super) fn read<K: DeserializeOwned, V: DeserializeOwned>(piece: &[u8]) -> Result<Piece<K, V>, String> {
    let read: Piece<K, V> = serde_json::from_slice(piece).map_err(|error| match serde_json::from_slice(piece) {
        Ok(Version { v }) if v != VERSION => other_version(v),
        _ => error.to_string(),
    })?;
    if read.v == VERSION { Ok(read) } else { Err(other_version(read.v)) }
}

fn other_version(version: u32) -> String {
    format!("it has the form of version {version}, this build reads version {VERSION}")
}
