//! The compact codec: values as their bytes, without names, for ends of the same build.
//!
//! The form is that of postcard 1: integers of more than a byte as LEB128, those with a sign folded (zigzag); floats as they are, little-endian;
//! text, lists and maps behind their length; structs as their fields in order; a variant as its number. What was written can only be read as the
//! type that it was written from, so both ends have to agree on all types, which the same build does.
//!
//! It is a reader and a writer of its own, since the bytes come from peers and the types from users. The reader bounds how deep a value nests,
//! and how many elements of a list may take no bytes at all: otherwise seven bytes would be a stack that overflows, or a loop of 2^63 rounds. The writer
//! refuses what would be read as something else: a field that was left out, a list that has more elements than it said. The tests compare with
//! the crate `postcard`.

mod number;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use self::reader::{DecodeError, Reader};
pub use self::writer::Writer;
use super::envelope::MAX_DEPTH;
use super::finite::EncodeError;
use super::pieces;

/// Most levels of lists, maps, structs and variants, as in JSON, where each of them is a bracket.
const MOST_LEVELS: u16 = MAX_DEPTH as u16;

/// Most levels if each `Some` counts as well, of which JSON has no trace: more than two to a level have no use, and recursion through them alone must
/// end before the stack does.
const MOST_STEPS: u16 = 3 * MOST_LEVELS;

/// Most elements in the lists of one message that take no bytes, such as units: there is no length of the message that bounds them.
const MOST_EMPTY: usize = 1 << 16;

/// Appends the value.
///
/// # Errors
/// [`EncodeError`] for what could not be read again: values that nest too deep, fields left out, lists of a length that is not known before. What was
/// written until then stays.
pub fn write_compact<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), EncodeError> {
    Writer::new(out).write(value)
}

/// The value, in memory that short ones share with others: for what is not kept for long.
///
/// # Errors
/// As [`write_compact`].
pub fn to_compact<T: Serialize + ?Sized>(value: &T) -> Result<Bytes, EncodeError> {
    let mut out = pieces::buffer();
    let written = write_compact(&mut out, value);
    let bytes = pieces::finished(out);
    written.map(|()| bytes)
}

/// Reads a value that is all of `bytes`, and may borrow from them.
///
/// # Errors
/// [`DecodeError`] for anything that is no such value, bytes behind it among that, and for types that cannot be read without names.
pub fn read_compact<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = reader.read()?;
    reader.end()?;
    Ok(value)
}
