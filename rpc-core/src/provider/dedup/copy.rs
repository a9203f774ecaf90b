//! The records as state that follows its slot: `{"v":1,"since":5,"done":[{…},…],"gone":[[session,sequence],…]}`.
//!
//! Only calls that have ended are copied. When a slot is handed over for good its calls are drained, so that none is left out.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::table::{Key, Record, Records};
use super::{Dedup, Ended, NAME};
use crate::call::Outcome;
use crate::codec::finite::to_json;
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
    /// With what each one's session had the answers to.
    done: HashMap<Key, (u64, Ended)>,
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
    answer: Answer,
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
            Ok(Outcome::Value(value)) => Self::Value(raw(value)?),
            Ok(Outcome::Failure { message, data }) => Self::Failure { message: message.clone(), data: raw(data)? },
            Err(error) => Self::Error(Box::new(error.record().clone())),
        })
    }

    fn ended(self) -> Ended {
        let bytes = |raw: Box<RawValue>| Box::<str>::from(raw).into_string().into();
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
        let records = table.slots.entry(slot).or_default();
        let done = records.by_call.iter().filter(|(_, record)| matches!(record, Record::Done(_)));
        records.copying = Some(Copying { unsent: done.map(|(key, _)| *key).collect(), ..Copying::default() });
        Ok(())
    }

    fn pull(&self, slot: Slot, max_bytes: usize) -> Result<Pulled, StateError> {
        let mut table = self.table();
        let mut piece = Piece { v: VERSION, since: table.since(slot), done: Vec::new(), gone: Vec::new() };
        let Some(Records { by_call, copying: Some(copying), .. }) = table.slots.get_mut(&slot) else {
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
            if let Some(Record::Done(ended)) = by_call.get(&key) {
                let answer = Answer::of(ended).map_err(failed)?;
                size += 100 + super::table::size_of_answer(ended);
                piece.done.push(Done { session: key.0, sequence: key.1, acked: 0, answer });
                copying.sent.insert(key);
            }
        }
        let pending = copying.pending() as u64;
        for done in &mut piece.done {
            done.acked = table.acked(done.session);
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
        let records = table.slots.get(&slot).into_iter().flat_map(|records| records.by_call.values());
        Ok(records.filter(|record| matches!(record, Record::Done(_))).count() as u64)
    }

    fn stage(&self, slot: Slot, piece: &[u8]) -> Result<(), StateError> {
        if piece.is_empty() {
            return Ok(());
        }
        let Piece { since, done, gone, .. } =
            read(piece).map_err(|why| StateError::Unreadable { state: NAME.to_owned(), slot, why })?;
        let mut table = self.table();
        let staged = table.slots.entry(slot).or_default().staged.get_or_insert_default();
        staged.since = since;
        gone.iter().for_each(|key| drop(staged.done.remove(key)));
        let done = done.into_iter();
        staged.done.extend(done.map(|done| ((done.session, done.sequence), (done.acked, done.answer.ended()))));
        Ok(())
    }

    fn staged(&self, slot: Slot) -> Result<u64, StateError> {
        let table = self.table();
        let staged = table.slots.get(&slot).and_then(|records| records.staged.as_ref());
        Ok(staged.map_or(0, |staged| staged.done.len()) as u64)
    }

    fn discard(&self, slot: Slot) {
        self.table().change(slot, |records| records.staged = None);
    }

    fn open(&self, slot: Slot, epoch: u64, content: Content) -> Result<(), StateError> {
        let mut table = self.table();
        let staged = table.slots.get_mut(&slot).and_then(|records| records.staged.take());
        match (content, staged) {
            (Content::Kept, _) => {}
            (Content::Staged, Some(staged)) => {
                table.clear(slot, staged.since);
                let now = Instant::now();
                for (key, (acked, ended)) in staged.done {
                    table.adopt(slot, key, acked, ended, now);
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
