//! Whether a method's types come back from the compact codec as what they were: it has no names, and serde can be told things that need them.
//!
//! The reader refuses most of that. What it cannot see is serde's numbering: a variant that is skipped is counted where it is written and not where it is
//! read, and a field that is only written, or only read, moves those behind it. So the first values of each type are read from both codecs and compared,
//! and ever fewer of those that follow. Types that fail go on as JSON.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use serde_json::Value;

use super::payload::{Payload, ToJson, Unwritable};

/// So many of the first values are compared.
const FIRST: u32 = 64;

/// After so many values none is compared any more.
const LAST: u32 = 1 << 16;

/// Longer values are not compared, in bytes: it takes a multiple of their memory.
const MOST_COMPARED: usize = 64 << 10;

/// In place of a count: the types have failed.
const UNFIT: u32 = u32::MAX;

/// The trial of one type: of a method's arguments, of its value, or of its error.
#[derive(Debug, Default)]
pub struct Trial(AtomicU32);

impl Trial {
    /// Nothing is known yet.
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Whether nothing speaks against the compact codec.
    #[inline]
    pub fn is_fit(&self) -> bool {
        self.0.load(Ordering::Relaxed) != UNFIT
    }

    /// Whether the value that is written now is to be compared. Values that several threads write at once may count as one.
    #[inline]
    fn is_due(&self) -> bool {
        let count = self.0.load(Ordering::Relaxed);
        // One that has failed meanwhile stays so.
        count < LAST
            && self.0.compare_exchange(count, count + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            && (count < FIRST || count.is_power_of_two())
    }

    /// What to send of a value of the method `of` that was written as `compact`: that, or the same as JSON, which `json` writes, if it would be read as
    /// another value.
    #[inline]
    pub fn judge(
        &self,
        of: &str,
        compact: Payload,
        to_json: ToJson,
        json: impl Fn() -> Result<Payload, Unwritable>,
    ) -> Result<Payload, Unwritable> {
        if !self.is_due() || compact.len() > MOST_COMPARED {
            Ok(compact)
        } else {
            self.compare(of, compact, to_json, json)
        }
    }

    #[cold]
    fn compare(
        &self,
        of: &str,
        compact: Payload,
        to_json: ToJson,
        json: impl Fn() -> Result<Payload, Unwritable>,
    ) -> Result<Payload, Unwritable> {
        // Read from either codec and written again: types may read otherwise than they write. They are the user's, and may panic as they are read.
        let again = |payload: &Payload| catch_unwind(AssertUnwindSafe(|| to_json(payload))).ok()?.ok();
        // What has no JSON, such as NaN, or cannot be read at all, is another matter, and whoever reads it says so.
        let Ok(told) = json() else { return Ok(compact) };
        let (Some(by_json), Some(by_compact)) = (again(&told), again(&compact)) else { return Ok(compact) };
        // A type that tells the time, say, is never written as the same twice.
        if are_alike(&by_json, &by_compact) || !again(&told).is_some_and(|anew| are_alike(&by_json, &anew)) {
            return Ok(compact);
        }
        if self.0.swap(UNFIT, Ordering::Relaxed) != UNFIT {
            tracing::error!(
                method = of,
                "a value of this method would arrive as another one without names, as where serde skips a variant, or a field one way only: \
                 such values go on as JSON; take `compact` off the service"
            );
        }
        Ok(told)
    }
}

/// Whether two texts are the same JSON, but for the order of what hashing may have ordered.
fn are_alike(one: &Bytes, other: &Bytes) -> bool {
    let sorted = |text: &Bytes| serde_json::from_slice(text).map(sorted).ok();
    one == other || sorted(one) == sorted(other)
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(values) => {
            let mut values: Vec<Value> = values.into_iter().map(sorted).collect();
            values.sort_by_cached_key(Value::to_string);
            Value::Array(values)
        }
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> =
                members.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(members.into_iter().collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Barrier;

    use serde::{Deserialize, Serialize};

    use super::super::compact::read_compact;
    use super::super::payload::Codec;
    use super::*;
    use crate::error::{Kind, RpcError};

    fn to_json<T: Serialize + serde::de::DeserializeOwned>(payload: &Payload) -> Result<Bytes, RpcError> {
        let value: T = if payload.is_compact() {
            read_compact(payload.bytes()).map_err(|error| RpcError::new(Kind::Decode, error.to_string()))?
        } else {
            serde_json::from_slice(payload.bytes()).map_err(|error| RpcError::new(Kind::Decode, error.to_string()))?
        };
        Ok(Bytes::from(serde_json::to_vec(&value).expect("it has JSON")))
    }

    /// Whether each of these is sent in the compact codec.
    fn sent<T: Serialize + serde::de::DeserializeOwned>(trial: &Trial, values: &[T]) -> Vec<bool> {
        let judged = |value: &T| {
            let compact = Payload::written(Codec::Compact, value).expect("it is written");
            trial.judge("A.b", compact, to_json::<T>, || Payload::written(Codec::Json, value)).expect("it is written")
        };
        values.iter().map(|value| judged(value).is_compact()).collect()
    }

    #[derive(Serialize, Deserialize)]
    enum Level {
        Off,
        #[serde(skip)]
        #[allow(dead_code)]
        Internal,
        Low,
        High,
    }

    #[derive(Serialize, Deserialize)]
    struct User {
        #[serde(skip_serializing, default)]
        #[allow(dead_code)]
        password: String,
        name: String,
        #[serde(skip_deserializing)]
        id: String,
    }

    #[test]
    fn values_that_would_be_read_as_others_are_sent_as_json_from_then_on() {
        let trial = Trial::new();
        assert_eq!(sent(&trial, &[Level::Off, Level::Off, Level::Low]), [true, true, false]);
        assert!(!trial.is_fit());
        let user = User { password: String::new(), name: "ann".to_owned(), id: "7".to_owned() };
        assert_eq!(sent(&Trial::new(), &[user]), [false]);
    }

    /// Reads otherwise than it writes, in either codec.
    #[derive(Serialize)]
    struct Lower(String);

    impl<'de> Deserialize<'de> for Lower {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            String::deserialize(from).map(|text| Self(text.to_lowercase()))
        }
    }

    #[test]
    fn types_that_read_otherwise_than_they_write_are_no_worse_without_names() {
        assert_eq!(sent(&Trial::new(), &[Lower("ABC".to_owned()), Lower("x".to_owned())]), [true, true]);
    }

    #[test]
    fn a_verdict_stands_whoever_counts_at_the_same_time() {
        let value = Level::Low;
        for _ in 0..100 {
            let (trial, start) = (Trial::new(), Barrier::new(2));
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    while trial.is_fit() && trial.0.load(Ordering::Relaxed) < LAST {
                        trial.is_due();
                    }
                });
                let compact = Payload::written(Codec::Compact, &value).expect("it is written");
                start.wait();
                let json = || Payload::written(Codec::Json, &value);
                assert!(!trial.compare("A.b", compact, to_json::<Level>, json).expect("it is written").is_compact());
            });
            assert!(!trial.is_fit());
        }
    }

    #[test]
    fn what_is_in_another_order_is_the_same() {
        let numbers = || (0..100).collect::<HashSet<u32>>();
        let trial = Trial::new();
        assert_eq!(sent(&trial, &[numbers(), numbers()]), [true, true]);
        assert_eq!(sent(&trial, &vec![7; 200]), vec![true; 200]);
        assert!(trial.is_fit());
    }
}
