//! A call's fingerprint: what tells a second sending of a call from another call under the same id.

use crate::codec::payload::{Codec, Payload};

/// How many bytes at either end of the arguments count: what fits is read in 32 ns, whatever the arguments' size.
const PART: usize = 128;

/// The method and its arguments in eight bytes. It moves with the record, so that of JSON is the same on every build.
///
/// The same arguments have another print in each codec, and a retry may come in another one than the call did. Only prints of one codec are
/// compared: those of the compact one come from callers of one build, which is that of every node that took them.
///
/// Of arguments longer than 256 bytes only the length and the first and last 128 count. It guards against mistakes, not
/// against malice: who knows a session's number can do it harm anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print {
    pub(super) codec: Codec,
    pub(super) hash: u64,
}

impl Print {
    /// The print of a call of `method` with these arguments, as they came.
    pub fn of(method: &str, params: &Payload) -> Self {
        Self { codec: params.codec(), hash: hash(method, params.bytes()) }
    }

    /// Whether they are known to be of different calls.
    pub fn differs(self, other: Self) -> bool {
        self.codec == other.codec && self.hash != other.hash
    }
}

fn hash(method: &str, params: &[u8]) -> u64 {
    let named = mixed(params.len() as u64, method.as_bytes());
    let Some((head, rest)) = params.split_at_checked(PART) else { return mixed(named, params) };
    let tail = &rest[rest.len().saturating_sub(PART)..];
    mixed(mixed(named, head), tail)
}

/// Sixteen bytes a step, each a multiplication folded in half, as in wyhash. The last step takes the last sixteen bytes, some of them
/// again: that costs less than to copy what is left.
fn mixed(seed: u64, bytes: &[u8]) -> u64 {
    let seed = seed ^ bytes.len() as u64;
    match bytes.last_chunk::<16>() {
        Some(last) => step(bytes.as_chunks::<16>().0.iter().fold(seed, step), last),
        None => step(seed, &few(bytes)),
    }
}

/// Fewer than sixteen bytes, filled up: with some of them again, or with zeros.
fn few(bytes: &[u8]) -> [u8; 16] {
    let mut few = [0; 16];
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        few[..8].copy_from_slice(first);
        few[8..].copy_from_slice(last);
    } else {
        few.iter_mut().zip(bytes).for_each(|(few, byte)| *few = *byte);
    }
    few
}

fn step(state: u64, bytes: &[u8; 16]) -> u64 {
    let both = u128::from_le_bytes(*bytes);
    let (low, high) = (both as u64, (both >> 64) as u64);
    let wide = u128::from(low ^ state ^ 0xa076_1d64_78bd_642f) * u128::from(high ^ 0xe703_7ed1_a0b4_28db);
    (wide as u64) ^ ((wide >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_method_length_or_end_makes_another_print() {
        let long = "x".repeat(10_000);
        let at = |place: usize| {
            let mut changed = long.clone().into_bytes();
            changed[place] = b'y';
            hash("A.b", &changed)
        };
        let prints = [
            hash("A.b", b""),
            hash("A.c", b""),
            hash("A.b", b"\0"),
            hash("A.b", br#"{"key":"a"}"#),
            hash("A.b", br#"{"key":"b"}"#),
            hash("A.b", long.as_bytes()),
            hash("A.b", &long.as_bytes()[1..]),
            at(0),
            at(127),
            at(10_000 - 128),
            at(9_999),
        ];
        for (i, print) in prints.iter().enumerate() {
            assert!(!prints[..i].contains(print), "{i}");
        }
    }

    #[test]
    fn a_print_is_the_same_on_every_build() {
        assert_eq!(hash("Counter.incr", br#"{"key":"a"}"#), 8_992_130_633_882_651_043);
    }

    #[test]
    fn prints_of_two_codecs_tell_nothing_of_each_other() {
        let (json, compact) = (Payload::json("[1]"), Payload::compact(vec![1]));
        let (a, b) = (Print::of("A.b", &json), Print::of("A.b", &compact));
        assert!(!a.differs(b) && !b.differs(a) && !b.differs(b));
        assert!(b.differs(Print::of("A.b", &Payload::compact(vec![2]))));
    }
}
