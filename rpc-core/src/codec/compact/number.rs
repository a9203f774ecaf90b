//! Integers: seven bits in each byte, the low ones first, in as few bytes as they need; those with a sign folded to have none.

/// Appends `number`.
#[inline]
pub(super) fn put(out: &mut Vec<u8>, number: u64) {
    if number < 0x80 {
        out.push(number as u8);
        return;
    }
    put_wide(out, number.into());
}

/// Appends `number`.
pub(super) fn put_wide(out: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number off the front of `bytes`; none if they are cut off, hold too large a one, or have it in more bytes than it needs.
#[inline]
pub(super) fn take(bytes: &mut &[u8]) -> Option<u64> {
    match **bytes {
        [first, ref rest @ ..] if first < 0x80 => {
            *bytes = rest;
            Some(first.into())
        }
        _ => take_wide(bytes).and_then(|number| number.try_into().ok()),
    }
}

/// As [`take`], of up to 128 bits.
pub(super) fn take_wide(bytes: &mut &[u8]) -> Option<u128> {
    let mut number = 0;
    for (place, &byte) in bytes.iter().enumerate().take(u128::BITS.div_ceil(7) as usize) {
        let bits = u128::from(byte & 0x7f);
        let shift = 7 * place as u32;
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte < 0x80 {
            if byte == 0 && place > 0 {
                return None;
            }
            *bytes = &bytes[place + 1..];
            return Some(number);
        }
    }
    None
}

/// Small numbers of either sign as small numbers: 0, -1, 1, -2 as 0, 1, 2, 3.
#[inline]
pub(super) fn folded(number: i64) -> u64 {
    (number << 1 ^ (number >> 63)) as u64
}

/// As [`folded`].
pub(super) fn folded_wide(number: i128) -> u128 {
    (number << 1 ^ (number >> 127)) as u128
}

/// The number of which this is [`folded`].
#[inline]
pub(super) fn unfolded(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// As [`unfolded`].
pub(super) fn unfolded_wide(number: u128) -> i128 {
    (number >> 1) as i128 ^ -((number & 1) as i128)
}
