//! Numbers in as many bytes as they need: seven bits in each, the low ones first, the top bit set in all but the last (LEB128).

use super::Wrong;

/// Most bytes of a number: 64 bits in sevens.
pub(super) const MAX_NUMBER: usize = 10;

/// The top bit of each byte of a word: of all but the last byte of a number.
const TOPS: u64 = 0x8080_8080_8080_8080;

/// Numbers below this take at most eight bytes, which are worked on together.
const LONG: u64 = 1 << 56;

/// Appends a number.
#[inline]
pub(super) fn put(out: &mut Vec<u8>, number: u64) {
    match number {
        ..0x80 => out.push(number as u8),
        0x80..LONG => {
            let length = (number.ilog2() / 7 + 1) as usize;
            let more = TOPS & ((1 << (8 * (length - 1))) - 1);
            // Eight bytes are quicker to write than some: those that are too many go again.
            out.extend_from_slice(&(spread(number) | more).to_le_bytes());
            out.truncate(out.len() - 8 + length);
        }
        LONG.. => put_long(out, number),
    }
}

#[cold]
fn put_long(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The number at the beginning, and how many bytes it takes. Each number has one form only, so that a frame that is read and written again
/// is the same.
#[inline]
pub(super) fn take(bytes: &[u8]) -> Result<(u64, usize), Wrong> {
    // Most numbers are small: flags, lengths, the milliseconds of short waits.
    if let Some(&byte) = bytes.first()
        && byte < 0x80
    {
        return Ok((byte.into(), 1));
    }
    let Some(word) = bytes.first_chunk().map(|first| u64::from_le_bytes(*first)) else { return take_long(bytes) };
    let ends = !word & TOPS;
    if ends == 0 {
        return take_long(bytes);
    }
    let length = ends.trailing_zeros() as usize / 8 + 1;
    let own = word & (ends ^ ends.wrapping_sub(1));
    if own >> (8 * (length - 1)) == 0 {
        return Err(Wrong::Overlong);
    }
    Ok((gathered(own & !TOPS), length))
}

#[cold]
fn take_long(bytes: &[u8]) -> Result<(u64, usize), Wrong> {
    let mut number = 0;
    for (place, &byte) in bytes.iter().take(MAX_NUMBER).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if place == MAX_NUMBER - 1 && byte > 1 {
            return Err(Wrong::Overflow);
        }
        number |= bits << (7 * place);
        if byte < 0x80 {
            return if byte == 0 && place > 0 { Err(Wrong::Overlong) } else { Ok((number, place + 1)) };
        }
    }
    Err(Wrong::Cut)
}

/// The sevens of a number below [`LONG`], each in a byte of its own: first halves apart, then quarters, then bytes.
#[inline]
fn spread(number: u64) -> u64 {
    let halves = (number & 0x0fff_ffff) | (number & 0x00ff_ffff_f000_0000) << 4;
    let quarters = (halves & 0x0000_3fff_0000_3fff) | (halves & 0x0fff_c000_0fff_c000) << 2;
    (quarters & 0x007f_007f_007f_007f) | (quarters & 0x3f80_3f80_3f80_3f80) << 1
}

/// What was [`spread`].
#[inline]
fn gathered(bytes: u64) -> u64 {
    let quarters = (bytes & 0x007f_007f_007f_007f) | (bytes & 0x7f00_7f00_7f00_7f00) >> 1;
    let halves = (quarters & 0x0000_3fff_0000_3fff) | (quarters & 0x3fff_0000_3fff_0000) >> 2;
    (halves & 0x0fff_ffff) | (halves & 0x0fff_ffff_0000_0000) >> 4
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(number: u64) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, number);
        out
    }

    proptest! {
        #[test]
        fn a_number_reads_back_from_its_own_bytes_only(number: u64, shift in 0..64_u32, more: Vec<u8>) {
            let number = number >> shift;
            let bytes = written(number);
            prop_assert_eq!(take(&[&bytes[..], &more].concat()), Ok((number, bytes.len())));
            prop_assert_eq!(take(&bytes[..bytes.len() - 1]), Err(Wrong::Cut));
        }

        #[test]
        fn bytes_worked_on_together_are_the_same_as_one_by_one(number: u64, shift in 0..64_u32, bytes: [u8; 12]) {
            let mut slowly = Vec::new();
            put_long(&mut slowly, number >> shift);
            prop_assert_eq!(written(number >> shift), slowly);
            prop_assert_eq!(take(&bytes), take_long(&bytes));
            // Few bytes of chance end a number late.
            let late = bytes.map(|byte| if byte < 0xe0 { byte | 0x80 } else { byte & 0x0f });
            prop_assert_eq!(take(&late), take_long(&late));
        }
    }

    #[test]
    fn the_ends_of_each_length_are_right() {
        for (number, length) in
            [(0, 1), (0x7f, 1), (0x80, 2), (0x3fff, 2), (0x4000, 3), (u64::MAX >> 1, 9), (u64::MAX, 10)]
        {
            assert_eq!(written(number).len(), length, "{number}");
        }
        assert_eq!(take(&[0x80, 0]), Err(Wrong::Overlong));
        assert_eq!(take(&[0xff, 0x80, 0x80, 0]), Err(Wrong::Overlong));
        assert_eq!(take(&[&[0xff; 9][..], &[2]].concat()), Err(Wrong::Overflow));
        assert_eq!(take(&[0xff; 20]), Err(Wrong::Overflow));
        assert_eq!(take(&[&[0x80; 9][..], &[0]].concat()), Err(Wrong::Overlong));
    }
}
