//! Small pieces of bytes, many in one block of memory: to give each call's arguments and answer memory of its own, and a count of those who
//! hold it, costs more than to write them.

use std::cell::Cell;

use bytes::{Bytes, BytesMut};

/// Length of a block, in bytes. Whoever keeps a piece keeps its block: at worst each call in flight does, of which there are at most some
/// thousands, and then a block costs no more than the futures of its call do.
const BLOCK: usize = 4 << 10;

/// Longest piece that is put into a block, in bytes: a longer one is worth memory of its own.
const MOST: usize = 512;

/// Longest buffer that is kept for the next one who writes, in bytes.
const SPARE: usize = 16 << 10;

/// Room for what most calls say, in bytes, so that writing it seldom grows the buffer.
const USUAL: usize = 512;

thread_local! {
    // Taken out for a copy, in which nobody else's code runs.
    static CURRENT: Cell<BytesMut> = Cell::new(BytesMut::new());

    // Taken by who writes, whose code may make calls and write again: the others then begin a buffer of their own.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A copy of `bytes` that shares its memory with others, if it is short.
pub fn copied(bytes: &[u8]) -> Bytes {
    if bytes.len() > MOST {
        return Bytes::copy_from_slice(bytes);
    }
    let in_block = CURRENT.try_with(|current| {
        let mut block = current.take();
        if block.capacity() < bytes.len() {
            block = BytesMut::with_capacity(BLOCK);
        }
        block.extend_from_slice(bytes);
        let piece = block.split().freeze();
        current.set(block);
        piece
    });
    // On a thread that is ending there are no blocks.
    in_block.unwrap_or_else(|_| Bytes::copy_from_slice(bytes))
}

/// The same bytes, for who keeps them for long: in memory that no other piece shares.
pub fn kept(piece: &Bytes) -> Bytes {
    if piece.len() > MOST { piece.clone() } else { Bytes::copy_from_slice(piece) }
}

/// An empty buffer to write to, for [`finished`] to take back.
pub fn buffer() -> Vec<u8> {
    let mut buffer = BUFFER.try_with(Cell::take).unwrap_or_default();
    buffer.clear();
    buffer.reserve(USUAL);
    buffer
}

/// What was written to a [`buffer`].
pub fn finished(buffer: Vec<u8>) -> Bytes {
    // A buffer that is filled is handed on. One that an earlier, longer text has grown would hold more memory than its holder counts.
    if buffer.len() > MOST && buffer.capacity() <= 2 * buffer.len() {
        return Bytes::from(buffer);
    }
    let piece = copied(&buffer);
    spare(buffer);
    piece
}

/// Leaves a [`buffer`] to the next one who writes.
pub fn spare(buffer: Vec<u8>) {
    if buffer.capacity() <= SPARE {
        let _ended = BUFFER.try_with(|spare| spare.set(buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_what_was_written_whoever_else_writes() {
        let mut outer = buffer();
        outer.extend_from_slice(b"outer");
        let pieces: Vec<Bytes> = (0..2000_u32)
            .map(|number| {
                let mut inner = buffer();
                inner.resize(number as usize % 700, number as u8);
                finished(inner)
            })
            .collect();
        for (number, piece) in (0_u32..).zip(&pieces) {
            assert_eq!(piece.len(), number as usize % 700);
            assert!(piece.iter().all(|byte| *byte == number as u8), "{number}");
        }
        assert_eq!(finished(outer), "outer");
    }

    #[test]
    fn no_message_holds_much_more_memory_than_its_own_length() {
        let mut long = buffer();
        long.resize(SPARE - 100, 1);
        spare(long);
        let mut short = buffer();
        assert!(short.capacity() > SPARE / 2, "the memory is used again");
        short.resize(MOST + 88, 2);
        let piece = finished(short);
        let length = piece.len();
        let held = piece.try_into_mut().map(|own| own.capacity());
        assert!(held.as_ref().is_ok_and(|held| *held <= 2 * length), "{held:?} of {length}");
    }

    #[test]
    fn short_pieces_share_their_memory_and_long_ones_do_not() {
        let (a, b) = (copied(b"a"), copied(b"b"));
        assert_eq!(a.as_ptr().wrapping_add(1), b.as_ptr());
        assert_eq!(copied(&[7; MOST + 1]), vec![7; MOST + 1]);
        assert!(buffer().is_empty());
    }
}
