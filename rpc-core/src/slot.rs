//! One of the 16384 slots, and the hash that picks it: the same answer as Redis Cluster's `CLUSTER KEYSLOT`.
//!
//! Source: Redis Cluster specification, "Key distribution model" and "Hash tags".

use std::fmt;

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One of the [`Slot::COUNT`] parts into which all keys are divided; each has one owner at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// How many slots there are, numbered from 0. A power of two, so that a mask of the CRC spreads keys evenly.
    pub const COUNT: u16 = 16384;

    /// The slot of this number, or `None` from [`Slot::COUNT`] on.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number < Self::COUNT { Some(Self(number)) } else { None }
    }

    /// The slot of a text key: its [`hash_tag`] if it has one, else all of it.
    #[inline]
    #[must_use]
    pub fn of_text(text: &[u8]) -> Self {
        Self::of_bytes(hash_tag(text))
    }

    /// The slot of exactly these bytes, braces and all: CRC16/XMODEM, low 14 bits.
    #[inline]
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(crc16(bytes) & (Self::COUNT - 1))
    }

    /// The slot's number, below [`Slot::COUNT`].
    #[inline]
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The slot's number as an index into a table of [`Slot::COUNT`] entries.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Every slot, in ascending order.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + DoubleEndedIterator + Clone {
        (0..Self::COUNT).map(Self)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slot({})", self.0)
    }
}

impl Serialize for Slot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.0)
    }
}

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u16::deserialize(deserializer)?;
        Self::new(number)
            .ok_or_else(|| D::Error::invalid_value(Unexpected::Unsigned(number.into()), &"a slot from 0 to 16383"))
    }
}

/// The bytes of a text key that are hashed: those between the first `{` and the first `}` after it, if there is at
/// least one; else the whole text. Users put keys into one slot by giving them one tag: `{user7}.cart`, `{user7}.name`.
#[inline]
#[must_use]
pub fn hash_tag(text: &[u8]) -> &[u8] {
    if holds_brace(text) { tag_after_brace(text) } else { text }
}

/// Most keys hold no brace. Eight bytes are searched at a time, without an early exit: on short keys that is faster than
/// a search that stops at the first hit.
#[inline]
fn holds_brace(text: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const BRACES: u64 = ONES * b'{' as u64;
    let (chunks, rest) = text.as_chunks::<8>();
    let hits = chunks.iter().fold(0, |hits, chunk| {
        // A byte that equals the brace is 0 after the XOR; the top bit shows that some byte is 0 (Hacker's Delight, 6-1).
        let other = u64::from_ne_bytes(*chunk) ^ BRACES;
        hits | (other.wrapping_sub(ONES) & !other & (ONES << 7))
    });
    hits != 0 || rest.contains(&b'{')
}

fn tag_after_brace(text: &[u8]) -> &[u8] {
    let mut parts = text.splitn(2, |&byte| byte == b'{');
    let after = parts.nth(1).unwrap_or_default();
    match after.iter().position(|&byte| byte == b'}') {
        None | Some(0) => text,
        Some(end) => &after[..end],
    }
}

/// `TABLES[k][b]` is the CRC of byte `b` followed by `k` zero bytes, so that eight bytes take eight independent look-ups
/// (slice-by-8) instead of eight dependent steps.
static TABLES: [[u16; 256]; 8] = tables();

const POLYNOMIAL: u16 = 0x1021;

const fn tables() -> [[u16; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ POLYNOMIAL } else { crc << 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        byte = 0;
        while byte < 256 {
            let crc = tables[zeros - 1][byte];
            tables[zeros][byte] = (crc << 8) ^ tables[0][(crc >> 8) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

/// CRC16/XMODEM: polynomial 0x1021, initial value 0, most significant bit first, nothing reflected.
#[inline]
fn crc16(bytes: &[u8]) -> u16 {
    let t = &TABLES;
    let (chunks, rest) = bytes.as_chunks::<8>();
    let mut crc = 0_u16;
    for c in chunks {
        let [high, low] = crc.to_be_bytes();
        crc = t[7][usize::from(c[0] ^ high)]
            ^ t[6][usize::from(c[1] ^ low)]
            ^ t[5][usize::from(c[2])]
            ^ t[4][usize::from(c[3])]
            ^ t[3][usize::from(c[4])]
            ^ t[2][usize::from(c[5])]
            ^ t[1][usize::from(c[6])]
            ^ t[0][usize::from(c[7])];
    }
    for &byte in rest {
        let [high, low] = crc.to_be_bytes();
        crc = u16::from_be_bytes([low, 0]) ^ t[0][usize::from(byte ^ high)];
    }
    crc
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Checked against a real redis-server.
    const VECTORS: [(&str, u16); 11] = [
        ("foo", 12182),
        ("bar", 5061),
        ("123456789", 12739),
        ("foo{hash_tag}", 2515),
        ("{user1000}.following", 3443),
        ("foo{}{bar}", 8363),
        ("foo{{bar}}zap", 4015),
        ("foo{bar}{zap}", 5061),
        ("", 0),
        ("{06S}", 0),
        ("{6ZJ}", 16383),
    ];

    #[test]
    fn slots_equal_those_of_redis() {
        for (key, slot) in VECTORS {
            assert_eq!(Slot::of_text(key.as_bytes()).get(), slot, "{key}");
        }
    }

    #[test]
    fn only_a_closed_tag_with_a_byte_in_it_is_hashed_alone() {
        let cases = [
            ("{a}b", "a"),
            ("x{a}{b}", "a"),
            ("{{a}}", "{a"),
            ("{}a{b}", "{}a{b}"),
            ("}a{", "}a{"),
            ("a{b", "a{b"),
            ("}{a}", "a"),
            ("{", "{"),
        ];
        for (key, tag) in cases {
            assert_eq!(hash_tag(key.as_bytes()), tag.as_bytes(), "{key}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_no_slots() {
        assert_eq!(Slot::new(16383).map(Slot::get), Some(16383));
        assert_eq!(Slot::new(16384), None);
        assert_eq!(Slot::all().count(), 16384);
        for text in ["16384", "-1", "65536", "4294967295", "1.0", "\"1\""] {
            assert!(serde_json::from_str::<Slot>(text).is_err(), "{text}");
        }
        assert_eq!(serde_json::from_str::<Slot>("7").unwrap().to_string(), "7");
    }

    proptest! {
        #[test]
        fn crc_equals_the_reference(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let oracle = crc::Crc::<u16>::new(&crc::CRC_16_XMODEM);
            prop_assert_eq!(crc16(&bytes), oracle.checksum(&bytes));
        }

        #[test]
        fn tags_follow_the_rule_of_the_specification(text in "[{}ab]{0,12}") {
            let expected = match text.split_once('{').and_then(|(_, rest)| rest.split_once('}')) {
                Some((tag, _)) if !tag.is_empty() => tag,
                _ => &text,
            };
            prop_assert_eq!(hash_tag(text.as_bytes()), expected.as_bytes());
        }

        #[test]
        fn slots_survive_serde(number in 0..Slot::COUNT) {
            let slot = Slot::new(number).unwrap();
            let json = serde_json::to_string(&slot).unwrap();
            prop_assert_eq!(serde_json::from_str::<Slot>(&json).unwrap(), slot);
        }
    }
}
