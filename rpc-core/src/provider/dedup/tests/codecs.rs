//! Calls and retries in two codecs.

use super::*;
use crate::codec::compact::read_compact;
use crate::codec::payload::Codec;
use crate::service::Trials;

/// Of a method that returns a `Result<f64, RpcError>`.
static COMPACT: Compact = Compact {
    params: |_| panic!("no record keeps arguments"),
    value: |payload| as_json(read_compact::<f64>(payload.bytes())),
    failure: |payload| as_json(read_compact::<RpcError>(payload.bytes())),
    trials: Trials::new(),
};

fn as_json<T: serde::Serialize>(
    value: Result<T, crate::codec::compact::DecodeError>,
) -> Result<bytes::Bytes, RpcError> {
    let value = value.map_err(|error| RpcError::new(Kind::Decode, error.to_string()))?;
    let json = Payload::written(Codec::Json, &value);
    json.map(|json| json.bytes().clone()).map_err(|why| RpcError::new(Kind::Encode, why.to_string()))
}

fn compact(id: CallId, arguments: &'static [u8], first_epoch: Option<u64>) -> Arrival {
    let print = Print::of("Ledger.add", &Payload::compact(arguments));
    Arrival { print, compact: Some(&COMPACT), ..arrival(id, first_epoch) }
}

fn written(value: f64) -> Ended {
    Ok(Outcome::Value(Payload::written(Codec::Compact, &value).unwrap()))
}

#[test]
fn a_retry_in_the_other_codec_is_the_same_call() {
    let dedup = Dedup::new(CALM);
    executes(dedup.begin(slot(1), &compact(id(1, 1, 0), b"\x01", None))).end(&written(0.5));
    executes(begin(&dedup, slot(1), id(1, 2, 0), None)).end(&value("7"));
    assert_eq!(answers(begin(&dedup, slot(1), id(1, 1, 0), Some(NOW))).unwrap(), written(0.5).unwrap());
    let retry = compact(id(1, 2, 0), b"\x01", Some(NOW));
    assert_eq!(answers(dedup.begin(slot(1), &retry)).unwrap(), value("7").unwrap());
    // Within a codec another call is still told apart.
    let another = compact(id(1, 1, 0), b"\x02", Some(NOW));
    refuses(dedup.begin(slot(1), &another), Kind::InvalidRequest, Executed::No);
}

#[test]
fn compact_answers_move_as_json_and_what_has_none_as_a_mark() {
    let (from, to) = (Dedup::new(CALM), Dedup::new(CALM));
    from.open(slot(1), 3, Content::Empty).unwrap();
    let refused = RpcError::new(Kind::Overloaded, "full");
    let failure = Payload::written(Codec::Compact, &refused).unwrap();
    let ends = [
        written(0.5),
        written(f64::NAN),
        Ok(Outcome::Value(Payload::compact(&b"none"[..]))),
        Ok(Outcome::Failure { message: "full".to_owned(), data: failure }),
    ];
    for (sequence, ended) in (1..).zip(&ends) {
        executes(from.begin(slot(1), &compact(id(1, sequence, 0), b"\x01", None))).end(ended);
    }
    hand_over(&from, &to, 4, 1, || ());
    assert_eq!(answers(begin(&to, slot(1), id(1, 1, 0), Some(3))).unwrap(), value("0.5").unwrap());
    for sequence in [2, 3] {
        let retry = compact(id(1, sequence, 0), b"\x01", Some(3));
        fails(answers(to.begin(slot(1), &retry)), Kind::AnswerDropped, Executed::Yes);
    }
    let Ok(Outcome::Failure { message, data }) = answers(begin(&to, slot(1), id(1, 4, 0), Some(3))) else {
        panic!("a failure is a failure");
    };
    let read: RpcError = serde_json::from_slice(data.bytes()).unwrap();
    assert_eq!((&*message, read.kind()), ("full", Kind::Overloaded));
    // Their prints went along.
    let another = compact(id(1, 1, 0), b"\x02", Some(3));
    refuses(to.begin(slot(1), &another), Kind::InvalidRequest, Executed::No);
}

#[test]
fn an_older_build_is_told_no_print_that_it_would_take_for_one_of_json() {
    let dedup = Dedup::new(CALM);
    dedup.open(slot(1), 3, Content::Empty).unwrap();
    executes(dedup.begin(slot(1), &compact(id(1, 1, 0), b"\x01", None))).end(&written(1.0));
    dedup.begin_copy(slot(1)).unwrap();
    let piece = dedup.pull(slot(1), 1 << 20).unwrap().piece;
    let piece: serde_json::Value = serde_json::from_slice(&piece).unwrap();
    let done = &piece["done"][0];
    assert!(done.get("print").is_none() && done["compact_print"].is_u64() && done["answer"]["value"] == 1.0, "{done}");
}
