//! Texts as JSON: what needs no escape is looked at in blocks that fill the processor's vectors, then eight bytes at a time, and copied in one piece.

use std::fmt;

use super::EncodeError;
use super::out::Out;

/// Bytes of a block.
const BLOCK: usize = 16;

/// Writes a text with its quotes.
#[inline]
pub(super) fn write_text(out: &mut impl Out, text: &str) -> Result<(), EncodeError> {
    out.put(b"\"")?;
    write_escaped(out, text)?;
    out.put(b"\"")
}

#[inline]
fn write_escaped(out: &mut impl Out, text: &str) -> Result<(), EncodeError> {
    let bytes = text.as_bytes();
    if is_all_plain(bytes) {
        return out.put(bytes);
    }
    let plain = plain_run(bytes);
    out.put(&bytes[..plain])?;
    write_rest(out, &bytes[plain..])
}

/// Writes a text from its first escape on.
fn write_rest(out: &mut impl Out, mut rest: &[u8]) -> Result<(), EncodeError> {
    while let Some((&byte, behind)) = rest.split_first() {
        match byte {
            b'"' => out.put(b"\\\""),
            b'\\' => out.put(b"\\\\"),
            0x08 => out.put(b"\\b"),
            0x0c => out.put(b"\\f"),
            b'\n' => out.put(b"\\n"),
            b'\r' => out.put(b"\\r"),
            b'\t' => out.put(b"\\t"),
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let digit = |four: u8| DIGITS[usize::from(four & 0xf)];
                out.put(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)])
            }
        }?;
        let plain = plain_run(behind);
        out.put(&behind[..plain])?;
        rest = &behind[plain..];
    }
    Ok(())
}

/// Whether all bytes stand for themselves within a JSON string, as those of most texts do: looked at in blocks that fill a processor's vectors.
#[inline]
fn is_all_plain(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk::<BLOCK>() else { return plain_run(bytes) == bytes.len() };
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let mut found = [0; BLOCK];
    // The last one may have been looked at in part.
    for block in blocks.iter().chain([last]) {
        found.iter_mut().zip(block).for_each(|(found, byte)| *found |= u8::from(!is_plain(*byte)));
    }
    found == [0; BLOCK]
}

#[inline]
fn is_plain(byte: u8) -> bool {
    (byte >= 0x20) & (byte != b'"') & (byte != b'\\')
}

/// How many bytes at the beginning stand for themselves within a JSON string: up to a quote, a backslash or a control character.
#[inline]
pub(in crate::codec) fn plain_run(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let found = not_plain(u64::from_le_bytes(*word));
        if found != 0 {
            return number * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    words.len() * 8 + rest.iter().position(|byte| !is_plain(*byte)).unwrap_or(rest.len())
}

/// The top bit of each byte that is a quote, a backslash or a control character. Behind the first of them a byte may be marked that is none, as
/// subtracting borrows from the next higher byte (Mycroft's test for a zero byte, three times).
#[inline]
fn not_plain(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = ONES * 0x80;
    let is_zero = |word: u64| word.wrapping_sub(ONES) & !word & TOPS;
    let is_control = word.wrapping_sub(ONES * 0x20) & !word & TOPS;
    is_control | is_zero(word ^ (ONES * b'"' as u64)) | is_zero(word ^ (ONES * b'\\' as u64))
}

/// Escapes what is formatted to it.
pub(super) struct Escaping<'a, O> {
    out: &'a mut O,
    error: Option<EncodeError>,
}

impl<'a, O: Out> Escaping<'a, O> {
    pub(super) fn new(out: &'a mut O) -> Self {
        Self { out, error: None }
    }

    /// What came of it: formatting itself can only say that it failed.
    pub(super) fn ended(self, written: fmt::Result) -> Result<(), EncodeError> {
        match (written, self.error) {
            (Ok(()), _) => Ok(()),
            (Err(fmt::Error), Some(error)) => Err(error),
            (Err(fmt::Error), None) => Err(serde::ser::Error::custom("its Display says that it failed")),
        }
    }
}

impl<O: Out> fmt::Write for Escaping<'_, O> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write_escaped(self.out, text).map_err(|error| {
            self.error = Some(error);
            fmt::Error
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_run_ends_at_the_first_byte_that_needs_an_escape(
            plain in proptest::collection::vec((0x20_u8..).prop_filter("plain", |byte| !b"\"\\".contains(byte)), 0..90),
            other in prop_oneof![0_u8..0x20, Just(b'"'), Just(b'\\')],
            behind in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            prop_assert_eq!(plain_run(&plain), plain.len());
            prop_assert!(is_all_plain(&plain));
            let text = [&plain[..], &[other], &behind].concat();
            prop_assert_eq!(plain_run(&text), plain.len());
            prop_assert!(!is_all_plain(&text));
        }
    }
}
