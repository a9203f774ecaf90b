//! What source and target of a move say to each other. The target asks; the source answers and keeps its last answer until the
//! next question, so that a lost answer is asked for again and nothing is applied twice.
//!
//! An answer is one body: four bytes with the length of a JSON head (big-endian), the head, then the pieces one after the other.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::records::Incarnation;
use crate::codec::strict;
use crate::slot::Slot;

/// Version of the conversation; a source refuses a target that speaks another.
pub const FORMAT: u32 = 1;

/// Largest sum of pieces in one answer, in bytes: some milliseconds of copying at a time.
pub const MAX_PIECES: usize = 1 << 20;

/// Largest answer that is read, in bytes: one entry may be larger than [`MAX_PIECES`], and is never cut.
pub const MAX_ANSWER: usize = 64 << 20;

const _: () = assert!(MAX_ANSWER >= 2 * crate::state::slots::MAX_ENTRY);

/// A question of the target's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// [`FORMAT`].
    pub format: u32,
    /// The cluster's id.
    pub cluster: String,
    /// The group.
    pub group: String,
    /// The move's id.
    pub mig: String,
    /// Who asks: the move names it as its target.
    pub to: Incarnation,
    /// What is asked.
    pub ask: Ask,
}

/// What a target asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// The answer with this number, from 1; all before it have arrived and were staged.
    Pull(u64),
    /// Seal the slots and let running calls end; then the answer with this number. The answers from then on are the last ones.
    Seal(u64),
}

/// The head of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The answer's number.
    pub number: u64,
    /// The pieces that follow, in this order.
    #[serde(deserialize_with = "strict::objects")]
    pub pieces: Vec<PieceHead>,
    /// About how many entries are still to be pulled.
    pub pending: u64,
    /// The slots are sealed and no call runs in them.
    pub is_sealed: bool,
    /// After sealing, nothing is left: this is what each slot of each state must have.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "totals")]
    pub totals: Option<Vec<Total>>,
}

/// One piece of one slot of one state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PieceHead {
    /// The state's name.
    pub state: String,
    /// The slot.
    pub slot: Slot,
    /// The piece's length in bytes.
    pub len: usize,
}

/// What one slot of one state holds at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Total {
    /// The state's name.
    pub state: String,
    /// The slot.
    pub slot: Slot,
    /// Its entries.
    pub entries: u64,
}

/// An answer of the source's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it says.
    pub head: Head,
    /// The pieces, as the head lists them.
    pub pieces: Vec<Bytes>,
}

/// An answer that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer of a move's source cannot be read: {0}")]
pub struct BadAnswer(String);

impl Answer {
    /// The answer as one body.
    pub fn write(&self) -> Bytes {
        // Text and numbers only, which always encode.
        let head = serde_json::to_vec(&self.head).unwrap_or_default();
        let size = 4 + head.len() + self.pieces.iter().map(Bytes::len).sum::<usize>();
        let mut body = BytesMut::with_capacity(size);
        body.put_u32(u32::try_from(head.len()).unwrap_or(u32::MAX));
        body.put_slice(&head);
        self.pieces.iter().for_each(|piece| body.put_slice(piece));
        body.freeze()
    }

    /// Reads an answer; the pieces share the body's memory.
    ///
    /// # Errors
    /// [`BadAnswer`] when lengths and contents do not fit.
    pub fn read(mut body: Bytes) -> Result<Self, BadAnswer> {
        let bad = |why: &str| BadAnswer(why.to_owned());
        let len: [u8; 4] = body.get(..4).and_then(|len| len.try_into().ok()).ok_or_else(|| bad("it has no length"))?;
        let len = u32::from_be_bytes(len) as usize;
        let _length = body.split_to(4);
        if len > body.len() {
            return Err(bad("its head is longer than it is itself"));
        }
        let head: Head = strict::from_slice(&body.split_to(len)).map_err(|error| BadAnswer(error.to_string()))?;
        let mut pieces = Vec::with_capacity(head.pieces.len());
        for piece in &head.pieces {
            if piece.len > body.len() {
                return Err(bad("a piece is cut off"));
            }
            pieces.push(body.split_to(piece.len));
        }
        if !body.is_empty() {
            return Err(bad("bytes follow its last piece"));
        }
        Ok(Self { head, pieces })
    }
}

/// The totals, which are there if their member is.
fn totals<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Total>>, D::Error> {
    strict::objects(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        let piece = |slot, len| PieceHead { state: "s".into(), slot: Slot::new(slot).expect("a slot"), len };
        let head =
            Head { number: 3, pieces: vec![piece(1, 2), piece(2, 0)], pending: 9, is_sealed: false, totals: None };
        Answer { head, pieces: vec![Bytes::from_static(b"ab"), Bytes::new()] }
    }

    #[test]
    fn an_answer_reads_back_as_it_was_written() {
        assert_eq!(Answer::read(answer().write()), Ok(answer()));
    }

    #[test]
    fn a_head_of_another_shape_is_refused() {
        let with_head = |head: &str| {
            let len = u32::try_from(head.len()).expect("short").to_be_bytes();
            Answer::read([&len, head.as_bytes()].concat().into())
        };
        let head =
            r#"{"number":1,"pieces":[],"pending":0,"is_sealed":true,"totals":[{"state":"s","slot":1,"entries":2}]}"#;
        assert!(with_head(head).is_ok());
        for (part, bad) in [
            (r#""pending":0"#, r#""pending":0,"more":1"#),
            (r#""pending":0"#, r#""pending":0,"pending":0"#),
            (r#"{"state":"s","slot":1,"entries":2}"#, r#"["s",1,2]"#),
            (r#""entries":2"#, r#""entries":2,"more":1"#),
            (r#""pieces":[]"#, r#""pieces":[["s",1,0]]"#),
        ] {
            assert!(with_head(&head.replace(part, bad)).is_err(), "{bad}");
        }
        assert!(with_head(r#"[1,[],0,false]"#).is_err());
    }

    #[test]
    fn a_cut_or_lengthened_answer_is_refused() {
        let whole = answer().write();
        for end in 0..whole.len() {
            assert!(Answer::read(whole.slice(..end)).is_err(), "{end}");
        }
        let longer = [&whole[..], b"x"].concat();
        assert!(Answer::read(longer.into()).is_err());
    }
}
