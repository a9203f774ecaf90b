//! Where JSON is written to: memory, or nothing, to see whether it would fit.

use serde::ser::Error;

use super::EncodeError;
use crate::codec::envelope::depth_within;

/// Takes JSON piece by piece.
pub(super) trait Out {
    /// Takes a piece.
    fn put(&mut self, piece: &[u8]) -> Result<(), EncodeError>;

    /// Takes a bracket that opens a level.
    fn open(&mut self, bracket: u8) -> Result<(), EncodeError>;

    /// Takes the brackets that close as many levels.
    fn close(&mut self, brackets: &[u8]) -> Result<(), EncodeError>;

    /// Takes a value that is JSON already.
    fn raw(&mut self, json: &str) -> Result<(), EncodeError>;
}

impl Out for Vec<u8> {
    #[inline]
    fn put(&mut self, piece: &[u8]) -> Result<(), EncodeError> {
        self.extend_from_slice(piece);
        Ok(())
    }

    #[inline]
    fn open(&mut self, bracket: u8) -> Result<(), EncodeError> {
        self.push(bracket);
        Ok(())
    }

    #[inline]
    fn close(&mut self, brackets: &[u8]) -> Result<(), EncodeError> {
        self.put(brackets)
    }

    fn raw(&mut self, json: &str) -> Result<(), EncodeError> {
        self.put(json.as_bytes())
    }
}

/// Keeps nothing, and takes no more bytes and levels than it may.
pub(super) struct Counted {
    depth: usize,
    levels: usize,
    bytes: usize,
    room: usize,
}

impl Counted {
    pub(super) fn new(depth: usize, bytes: usize) -> Self {
        Self { depth, levels: depth, bytes, room: bytes }
    }

    fn too_deep(&self) -> EncodeError {
        Error::custom(format_args!("its JSON nests deeper than {} levels", self.depth))
    }
}

impl Out for Counted {
    fn put(&mut self, piece: &[u8]) -> Result<(), EncodeError> {
        let left = self.room.checked_sub(piece.len());
        self.room =
            left.ok_or_else(|| EncodeError::custom(format_args!("its JSON has more than {} bytes", self.bytes)))?;
        Ok(())
    }

    fn open(&mut self, bracket: u8) -> Result<(), EncodeError> {
        self.levels = self.levels.checked_sub(1).ok_or_else(|| self.too_deep())?;
        self.put(&[bracket])
    }

    fn close(&mut self, brackets: &[u8]) -> Result<(), EncodeError> {
        self.levels += brackets.len();
        self.put(brackets)
    }

    fn raw(&mut self, json: &str) -> Result<(), EncodeError> {
        if !depth_within(json.as_bytes(), self.levels) {
            return Err(self.too_deep());
        }
        self.put(json.as_bytes())
    }
}
