//! Numbers in as many bytes as they need: seven bits in each, the low ones first, the top bit set in all but the last (LEB128).

use super::Wrong;

/// Most bytes of a number: 64 bits in sevens.
pub(super) const MAX_NUMBER: usize = 10;

/// Appends a number.
#[inline]
pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
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
    match bytes.first() {
        Some(&byte) if byte < 0x80 => Ok((byte.into(), 1)),
        _ => take_long(bytes),
    }
}

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
