//! Reads and writes the fields of one frame.

use super::{Fault, FrameKind, LENGTH_BYTES, Wrong, number};
use crate::slot::Slot;

/// The fields of a frame that have yet to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body<'a> {
    kind: FrameKind,
    rest: &'a [u8],
}

impl<'a> Body<'a> {
    pub(super) fn new(kind: FrameKind, rest: &'a [u8]) -> Self {
        Self { kind, rest }
    }

    #[cold]
    pub(super) fn fault(&self, field: &'static str, wrong: Wrong) -> Fault {
        Fault::Field { kind: self.kind, field, wrong }
    }

    #[inline]
    pub(super) fn number(&mut self, field: &'static str) -> Result<u64, Fault> {
        let (number, length) = number::take(self.rest).map_err(|wrong| self.fault(field, wrong))?;
        self.rest = &self.rest[length..];
        Ok(number)
    }

    #[inline]
    pub(super) fn byte(&mut self, field: &'static str) -> Result<u8, Fault> {
        Ok(u8::from_le_bytes(self.fixed(field)?))
    }

    #[inline]
    pub(super) fn fixed<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Fault> {
        let (first, rest) = self.rest.split_first_chunk().ok_or_else(|| self.fault(field, Wrong::Cut))?;
        self.rest = rest;
        Ok(*first)
    }

    /// A byte of flags, none of which is unknown.
    #[inline]
    pub(super) fn flags(&mut self, known: u8) -> Result<u8, Fault> {
        let flags = self.byte("flags")?;
        if flags & !known != 0 {
            return Err(self.fault("flags", Wrong::UnknownBits(flags & !known)));
        }
        Ok(flags)
    }

    pub(super) fn slot(&mut self, field: &'static str) -> Result<Slot, Fault> {
        let number = self.number(field)?;
        let slot = u16::try_from(number).ok().and_then(Slot::new);
        slot.ok_or_else(|| self.fault(field, Wrong::OutOfRange(number)))
    }

    /// A length, and so many bytes: at least one, at most `most`.
    #[inline]
    pub(super) fn bytes(&mut self, field: &'static str, most: usize) -> Result<&'a [u8], Fault> {
        let length = self.number(field)?;
        let fits = usize::try_from(length).ok().filter(|length| (1..=most).contains(length));
        let fits = fits.ok_or_else(|| self.fault(field, Wrong::Length { length, most }))?;
        let (first, rest) = self.rest.split_at_checked(fits).ok_or_else(|| self.fault(field, Wrong::Cut))?;
        self.rest = rest;
        Ok(first)
    }

    /// As [`bytes`](Self::bytes), of text.
    #[inline]
    pub(super) fn text(&mut self, field: &'static str, most: usize) -> Result<&'a str, Fault> {
        let bytes = self.bytes(field, most)?;
        str::from_utf8(bytes).map_err(|_| self.fault(field, Wrong::NotText))
    }

    /// All that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// How much is left, in bytes.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Refuses whatever is left.
    pub(super) fn end(self) -> Result<(), Fault> {
        if self.rest.is_empty() { Ok(()) } else { Err(Fault::Trailing { kind: self.kind, extra: self.rest.len() }) }
    }
}

/// Appends a frame whose fields `fields` appends; `room` is about how many bytes these take.
///
/// # Panics
/// When the fields take 4 GiB or more: messages are cut into parts before they come here.
#[inline]
pub(super) fn write(out: &mut Vec<u8>, kind: FrameKind, room: usize, fields: impl FnOnce(&mut Vec<u8>)) {
    out.reserve(LENGTH_BYTES + 1 + room);
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, kind as u8]);
    fields(out);
    let length = out.len() - start - LENGTH_BYTES;
    let length = u32::try_from(length).expect("messages are cut into parts, which are far below 4 GiB");
    out[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
}
