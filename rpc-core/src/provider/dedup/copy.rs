//! The records as state that follows its slot: `{"v":1,"since":5,"done":[{…},…],"gone":[[session,sequence],…]}`.
//!
//! Only calls that have ended are copied. When a slot is handed over for good its calls are drained, so that none is left out.
//! One whose answer was dropped goes along as an error of that kind, which older builds can read.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::print::Print;
use super::records::{Key, Records, size_of_answer};
use super::{Dedup, Ended, NAME, STRAY};
use crate::call::Outcome;
use crate::call::deadline::MAX_DEADLINE;
use crate::codec::finite::to_json;
use crate::codec::payload::{Codec, Payload};
use crate::error::{ErrorRecord, RpcError};
use crate::slot::Slot;
use crate::state::{Content, Pulled, SlotState, StateError};

/// The version of the form.
const VERSION: u32 = 1;

/// How far a copy has come. It remembers no more calls than the slot has records, or had when a piece was last pulled.
#[derive(Default)]
pub(super) struct Copying {
    /// Whether the beginning of the history was told, which goes along also without a record.
    is_begun: bool,
    unsent: HashSet<Key>,
    sent: HashSet<Key>,
    gone: HashSet<Key>,
}

impl Copying {
    /// A call has ended.
    pub(super) fn ended(&mut self, key: Key) {
        self.unsent.insert(key);
    }

    /// A record was dropped.
    pub(super) fn dropped(&mut self, key: Key) {
        self.unsent.remove(&key);
        if self.sent.remove(&key) {
            self.gone.insert(key);
        }
    }

    fn pending(&self) -> usize {
        self.unsent.len() + self.gone.len()
    }
}

/// What another node has sent of a slot.
#[derive(Default)]
pub(super) struct Staged {
    since: u64,
    // Ordered, so that what is taken over does not follow the order of a hash map.
    done: BTreeMap<Key, Came>,
}

/// A record that came with its slot.
pub(super) struct Came {
    /// What its session had the answers to.
    pub(super) acked: u64,
    /// For how much longer something of its session may be on its way.
    pub(super) needed_for: Duration,
    pub(super) print: Option<Print>,
    pub(super) ended: Ended,
}

#[derive(Serialize, Deserialize)]
struct Piece {
    v: u32,
    since: u64,
    done: Vec<Done>,
    gone: Vec<Key>,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

#[derive(Serialize, Deserialize)]
struct Done {
    session: u64,
    sequence: u64,
    acked: u64,
    // Absent from builds that do not know of it, and of a call in the compact codec: an older build would take that for another call's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    print: Option<u64>,
    /// Of a call in the compact codec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compact_print: Option<u64>,
    /// In milliseconds; as `print`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    needed_for: Option<u64>,
    answer: Answer,
}

impl Done {
    fn came(self) -> (Key, Came) {
        let needed_for = self.needed_for.map_or(MAX_DEADLINE + STRAY, Duration::from_millis);
        let needed_for = needed_for.min(MAX_DEADLINE + STRAY);
        let Self { session, sequence, acked, .. } = self;
        let of = |codec| move |hash| Print { codec, hash };
        let print = self.print.map(of(Codec::Json)).or(self.compact_print.map(of(Codec::Compact)));
        ((session, sequence), Came { acked, needed_for, print, ended: self.answer.ended() })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Value(Box<RawValue>),
    Failure { message: String, data: Box<RawValue> },
    Error(Box<ErrorRecord>),
}

impl Answer {
    fn of(ended: &Ended) -> Result<Self, String> {
        let raw = |json: &bytes::Bytes| -> Result<Box<RawValue>, String> {
            let text = String::from_utf8(json.to_vec()).map_err(|error| error.to_string())?;
            RawValue::from_string(text).map_err(|error| error.to_string())
        };
        Ok(match ended {
            Ok(Outcome::Value(value)) => Self::Value(raw(value.bytes())?),
            Ok(Outcome::Failure { message, data }) => {
                Self::Failure { message: message.clone(), data: raw(data.bytes())? }
            }
            Ok(Outcome::Stream(_)) => return Err("a stream is no answer to keep".to_owned()),
            Err(error) => Self::Error(Box::new(error.record().clone())),
        })
    }

    fn ended(self) -> Ended {
        let bytes = |raw: Box<RawValue>| Payload::json(Box::<str>::from(raw).into_string());
        match self {
            Self::Value(value) => Ok(Outcome::Value(bytes(value))),
            Self::Failure { message, data } => Ok(Outcome::Failure { message, data: bytes(data) }),
            Self::Error(record) => Err(RpcError::from_record(*record)),
        }
    }
}

impl SlotState for Dedup {
    fn begin_copy(&self, slot: Slot) -> Result<(), StateError> {
        let mut table = self.table();
        let records = table.slots.get_or_begin(slot);
        let done = records.by_call.iter().filter(|(_, record)| record.is_done());
        records.copying = Some(Copying { unsent: done.map(|(key, _)| *key).collect(), ..Copying::default() });
        Ok(())
    }

    fn pull(&self, slot: Slot, max_bytes: usize) -> Result<Pulled, StateError> {
        let mut table = self.table();
        let mut piece = Piece { v: VERSION, since: table.since(slot), done: Vec::new(), gone: Vec::new() };
        let Some(Records { by_call, copying: Some(copying), .. }) = table.slots.get_mut(slot) else {
            return Err(failed(format!("no copy of slot {slot} was begun")));
        };
        if copying.is_begun && copying.pending() == 0 {
            return Ok(Pulled { piece: bytes::Bytes::new(), pending: 0 });
        }
        copying.is_begun = true;
        piece.gone = copying.gone.drain().collect();
        let mut size = 0;
        while size < max_bytes
            && let Some(&key) = copying.unsent.iter().next()
        {
            copying.unsent.remove(&key);
            let record = by_call.get(&key);
            if let Some((ended, print)) = record.and_then(|record| Some((record.ended_as_json()?, record.print))) {
                let answer = Answer::of(&ended).map_err(failed)?;
                size += 100 + size_of_answer(&ended);
                let (session, sequence) = key;
                let of = |codec| print.filter(|print| print.codec == codec).map(|print| print.hash);
                let (print, compact_print) = (of(Codec::Json), of(Codec::Compact));
                piece.done.push(Done { session, sequence, acked: 0, print, compact_print, needed_for: None, answer });
                copying.sent.insert(key);
            }
        }
        let pending = copying.pending() as u64;
        let now = Instant::now();
        for done in &mut piece.done {
            done.acked = table.sessions().acked(done.session);
            let needed_for = table.sessions().needed_for(done.session, now).as_millis();
            done.needed_for = u64::try_from(needed_for).ok();
        }
        drop(table);
        let piece = to_json(&piece).map_err(|error| failed(error.to_string()))?;
        Ok(Pulled { piece: piece.into(), pending })
    }

    fn end_copy(&self, slot: Slot) {
        self.table().change(slot, |records| records.copying = None);
    }

    fn entries(&self, slot: Slot) -> Result<u64, StateError> {
        let table = self.table();
        let records = table.slots.get(slot).into_iter().flat_map(|records| records.by_call.values());
        Ok(records.filter(|record| record.is_done()).count() as u64)
    }

    fn stage(&self, slot: Slot, piece: &[u8]) -> Result<(), StateError> {
        if piece.is_empty() {
            return Ok(());
        }
        let Piece { since, done, gone, .. } =
            read(piece).map_err(|why| StateError::Unreadable { state: NAME.to_owned(), slot, why })?;
        let mut table = self.table();
        let staged = table.slots.get_or_begin(slot).staged.get_or_insert_default();
        staged.since = since;
        gone.iter().for_each(|key| drop(staged.done.remove(key)));
        staged.done.extend(done.into_iter().map(Done::came));
        Ok(())
    }

    fn staged(&self, slot: Slot) -> Result<u64, StateError> {
        let table = self.table();
        let staged = table.slots.get(slot).and_then(|records| records.staged.as_ref());
        Ok(staged.map_or(0, |staged| staged.done.len()) as u64)
    }

    fn discard(&self, slot: Slot) {
        self.table().change(slot, |records| records.staged = None);
    }

    fn open(&self, slot: Slot, epoch: u64, content: Content) -> Result<(), StateError> {
        let mut table = self.table();
        let staged = table.slots.get_mut(slot).and_then(|records| records.staged.take());
        match (content, staged) {
            (Content::Kept, _) => {}
            (Content::Staged, Some(staged)) => {
                table.clear(slot, staged.since);
                let now = Instant::now();
                for (key, came) in staged.done {
                    table.adopt(slot, key, came, now);
                }
            }
            // Without a word of what was before, the history begins here.
            (Content::Empty | Content::Staged, _) => table.clear(slot, epoch),
        }
        table.change(slot, |_| ());
        Ok(())
    }

    /// Records stay as they are: calls that are still running end here, and their callers may ask.
    fn close(&self, _slot: Slot) {}

    fn forget(&self, slot: Slot) {
        // Nothing is known of any epoch, until the slot is opened again.
        self.table().clear(slot, u64::MAX);
    }
}

fn read(piece: &[u8]) -> Result<Piece, String> {
    let other = |version| format!("it has the form of version {version}, this build reads version {VERSION}");
    let read: Piece = serde_json::from_slice(piece).map_err(|error| match serde_json::from_slice(piece) {
        Ok(Version { v }) if v != VERSION => other(v),
        _ => error.to_string(),
    })?;
    if read.v == VERSION { Ok(read) } else { Err(other(read.v)) }
}

fn failed(why: String) -> StateError {
    StateError::Store { state: NAME.to_owned(), why }
}
