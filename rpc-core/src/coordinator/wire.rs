//! What a seed node and its joiners say to each other about the coordinator that the seed holds.
//!
//! `POST /wherever/coordinator` takes an [`Asked`] and gives an [`Answer`]; `POST /wherever/coordinator/watch` takes a [`WatchAsk`] and gives
//! [`Told`]s, one a line.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Changes, CoordinatorError, LeaseId, Op, Range, Revision, Txn, TxnOutcome};
use crate::codec::strict;

/// The path of everything but watches.
pub const PATH: &str = "/wherever/coordinator";

/// The path of watches.
pub const WATCH_PATH: &str = "/wherever/coordinator/watch";

/// Largest request, in bytes: a transaction of [`MAX_TXN_BYTES`](super::bounds::MAX_TXN_BYTES) whose every character must be escaped
/// (six bytes for one) would take more, but records are JSON, of which at most every other one is a quote.
pub const MAX_ASK: usize = 3 << 20;

/// Largest answer and longest line, in bytes: all keys at once ([`MAX_BYTES`](super::bounds::MAX_BYTES)), quotes escaped.
pub const MAX_ANSWER: usize = 2 * super::bounds::MAX_BYTES;

/// What is asked of the coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// All keys that begin with this.
    Range(String),
    /// A transaction.
    Transact(#[serde(deserialize_with = "strict::object")] Txn),
    /// A lease of so many milliseconds.
    Grant(u64),
    /// Another ttl for this lease.
    KeepAlive(LeaseId),
    /// The end of this lease.
    Revoke(LeaseId),
}

/// An [`Ask`], and the cluster that it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ReadAsked")]
pub struct Asked {
    /// The id of the cluster, once the asking node knows it: the coordinator of another one does not carry it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// What is asked.
    #[serde(flatten)]
    pub ask: Ask,
}

/// An [`Asked`] as it is read: each member once, no other ones, and exactly one thing asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadAsked {
    cluster: Option<String>,
    range: Option<String>,
    #[serde(default, deserialize_with = "one_txn")]
    transact: Option<Txn>,
    grant: Option<u64>,
    keep_alive: Option<LeaseId>,
    revoke: Option<LeaseId>,
}

fn one_txn<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Txn>, D::Error> {
    strict::object(deserializer).map(Some)
}

impl TryFrom<ReadAsked> for Asked {
    type Error = &'static str;

    fn try_from(read: ReadAsked) -> Result<Self, Self::Error> {
        let asks = [
            read.range.map(Ask::Range),
            read.transact.map(Ask::Transact),
            read.grant.map(Ask::Grant),
            read.keep_alive.map(Ask::KeepAlive),
            read.revoke.map(Ask::Revoke),
        ];
        let mut asks = asks.into_iter().flatten();
        match (asks.next(), asks.next()) {
            (Some(ask), None) => Ok(Self { cluster: read.cluster, ask }),
            _ => Err("one thing is asked at a time"),
        }
    }
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To [`Ask::Range`].
    Range(Range),
    /// To [`Ask::Transact`].
    Transact(TxnOutcome),
    /// To [`Ask::Grant`].
    Grant(LeaseId),
    /// To [`Ask::KeepAlive`].
    KeepAlive,
    /// To [`Ask::Revoke`].
    Revoke,
    /// To any of them.
    Error(CoordinatorError),
}

/// What is asked to watch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchAsk {
    /// Keys that begin with this.
    pub prefix: String,
    /// From this revision on.
    pub from: Revision,
    /// As in [`Asked`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
}

/// One line of a watch. An error is the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// Changes, or a sign of life.
    Changes(Changes),
    /// Why it ends.
    Error(CoordinatorError),
}

/// A time to live as it is sent.
pub fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)
}

/// An operation as it is read: what is put stands in an object, never in an array.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReadOp {
    Put(#[serde(deserialize_with = "strict::object")] ReadPut),
    Delete(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadPut {
    key: String,
    #[serde(with = "text")]
    value: Bytes,
    lease: Option<LeaseId>,
}

impl From<ReadOp> for Op {
    fn from(read: ReadOp) -> Self {
        match read {
            ReadOp::Put(ReadPut { key, value, lease }) => Self::Put { key, value, lease },
            ReadOp::Delete(key) => Self::Delete(key),
        }
    }
}

/// Values as JSON text.
pub(super) mod text {
    use bytes::Bytes;
    use serde::de::Deserialize;
    use serde::{Deserializer, Serializer, ser};

    pub(in super::super) fn serialize<S: Serializer>(value: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        let text = std::str::from_utf8(value).map_err(|_| ser::Error::custom("a value is text"))?;
        serializer.serialize_str(text)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        String::deserialize(deserializer).map(Bytes::from)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Compare;
    use super::*;

    #[test]
    fn a_transaction_reads_back_as_it_was_written() {
        let txn = Txn {
            compares: vec![Compare::Absent("a".into()), Compare::Unchanged("b".into(), u64::MAX)],
            ops: vec![
                Op::Put { key: "a".into(), value: Bytes::from_static(br#"{"x":"\u00e9"}"#), lease: Some(7) },
                Op::Delete("b".into()),
            ],
            reads: vec!["c".into()],
        };
        let asked = Asked { cluster: Some("c".into()), ask: Ask::Transact(txn) };
        let written = serde_json::to_vec(&asked).expect("written");
        assert_eq!(strict::from_slice::<Asked>(&written).expect("read"), asked);
    }

    #[test]
    fn the_words_are_those_of_the_protocol() {
        let asks = [
            (r#"{"range":"node/"}"#, Ask::Range("node/".into())),
            (r#"{"grant":5000}"#, Ask::Grant(5000)),
            (r#"{"keep_alive":9}"#, Ask::KeepAlive(9)),
        ];
        for (text, ask) in asks {
            let asked = Asked { cluster: None, ask };
            assert_eq!(serde_json::to_string(&asked).expect("written"), text);
            assert_eq!(strict::from_slice::<Asked>(text.as_bytes()).expect("read"), asked);
        }
        let of_ours = r#"{"cluster":"c0ffee","revoke":9}"#;
        let asked: Asked = strict::from_slice(of_ours.as_bytes()).expect("read");
        assert_eq!(asked, Asked { cluster: Some("c0ffee".into()), ask: Ask::Revoke(9) });
        assert_eq!(serde_json::to_string(&asked).expect("written"), of_ours);
        let txn = r#"{"transact":{"compares":[{"present":"a"},{"unchanged":["b",5]}],"ops":[{"put":{"key":"a","value":"v","lease":null}},{"delete":"b"}],"reads":["c"]}}"#;
        let ask: Asked = serde_json::from_str(txn).expect("read");
        assert_eq!(serde_json::to_string(&ask).expect("written"), txn);
        for (text, answer) in [
            (r#""keep_alive""#, Answer::KeepAlive),
            (r#"{"error":"lease_gone"}"#, Answer::Error(CoordinatorError::LeaseGone)),
            (r#"{"error":{"compacted":{"oldest":6}}}"#, Answer::Error(CoordinatorError::Compacted { oldest: 6 })),
        ] {
            assert_eq!(serde_json::to_string(&answer).expect("written"), text);
        }
        let told = r#"{"changes":{"revision":9,"events":[{"deleted":{"key":"k","revision":9}}]}}"#;
        assert!(
            matches!(serde_json::from_str(told).expect("read"), Told::Changes(changes) if changes.events.len() == 1)
        );
    }

    #[test]
    fn a_transaction_of_another_shape_is_refused() {
        let good = r#"{"transact":{"compares":[],"ops":[{"put":{"key":"a","value":"v","lease":null}}],"reads":[]}}"#;
        assert!(serde_json::from_str::<Asked>(good).is_ok());
        for (part, bad) in [
            (r#""reads":[]"#, r#""reads":[],"more":1"#),
            (r#""reads":[]"#, r#""reads":[],"reads":[]"#),
            (r#""lease":null"#, r#""lease":null,"more":1"#),
            (r#""lease":null"#, r#""lease":null,"lease":7"#),
            (r#"{"key":"a","value":"v","lease":null}"#, r#"["a","v",null]"#),
        ] {
            let bad = good.replace(part, bad);
            assert!(serde_json::from_str::<Asked>(&bad).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<Asked>(r#"{"transact":[[],[],[]]}"#).is_err());
        for bad in [
            r#"{}"#,
            r#"{"range":""  ,"more":1}"#,
            r#"{"range":"","grant":1}"#,
            r#"{"range":"","range":""}"#,
            r#"["c",""]"#,
        ] {
            assert!(strict::from_slice::<Asked>(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(strict::from_slice::<WatchAsk>(br#"["",8]"#).is_err());
        assert!(strict::from_slice::<WatchAsk>(br#"{"prefix":"","from":8,"more":1}"#).is_err());
    }

    #[test]
    fn errors_keep_what_they_are() {
        for error in [
            CoordinatorError::Compacted { oldest: 7 },
            CoordinatorError::LeaseGone,
            CoordinatorError::Refused("no".into()),
            CoordinatorError::Full("no space".into()),
            CoordinatorError::Changed("gone".into()),
            CoordinatorError::Unavailable("away".into()),
        ] {
            let written = serde_json::to_vec(&Answer::Error(error.clone())).expect("written");
            assert_eq!(serde_json::from_slice::<Answer>(&written).expect("read"), Answer::Error(error));
        }
    }
}
