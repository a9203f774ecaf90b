//! What is written as serde_json writes it, and what is refused.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;

#[test]
fn a_some_that_would_be_read_as_none_is_refused() {
    #[derive(serde::Serialize)]
    struct Wrapped(Option<u8>);
    assert!(to_json(&Some(None::<u8>)).is_err() && to_json(&Some(())).is_err());
    assert!(to_json(&(1, vec![Some(Wrapped(None))])).is_err());
    assert_eq!(to_json(&Some(Wrapped(Some(1)))).unwrap(), b"1");
    assert_eq!(to_json(&(None::<u8>, Some(vec![None::<u8>]))).unwrap(), b"[null,[null]]");
}

#[derive(Serialize)]
enum Shape {
    Unit,
    New(Option<f64>),
    Tuple(u8, f32),
    Struct { id: i128, at: f64 },
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Wrapped<T>(T);

/// A map with floats for keys, which no std map can hold.
struct FloatKeys(f64);

impl Serialize for FloatKeys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(self.0, 1)])
    }
}

#[test]
fn numbers_that_json_lacks_are_refused_wherever_they_are() {
    fn refused<T: Serialize>(value: T) {
        let mut out = b"before".to_vec();
        let error = write_json(&mut out, &value).unwrap_err();
        assert!(error.to_string().contains("not a finite number: JSON has no NaN"), "{error}");
        assert_eq!(out, b"before");
    }
    refused(f64::NAN);
    refused(f32::INFINITY);
    refused(Some(f64::NEG_INFINITY));
    refused(vec![(1, f64::NAN)]);
    refused(BTreeMap::from([("a", Wrapped([f32::NAN]))]));
    refused(Shape::New(Some(f64::NAN)));
    refused(Shape::Tuple(1, f32::NAN));
    refused(Shape::Struct { id: 1, at: f64::INFINITY });
    refused(FloatKeys(f64::NAN));
}

#[test]
fn everything_else_is_as_serde_json_writes_it() {
    fn same<T: Serialize>(value: T) {
        assert_eq!(to_json(&value), Ok(serde_json::to_vec(&value).unwrap()));
    }
    same((1.5_f32, -0.0, 5e-324, 1e308, 'é', "\u{1}\"", ()));
    same((i128::MIN, u128::MAX, None::<u8>, std::net::Ipv6Addr::LOCALHOST));
    same(RawValue::from_string("{\"big\": 123456789012345678901234567890.50}".to_owned()).unwrap());
    same([Shape::Unit, Shape::New(None), Shape::Tuple(1, 0.5), Shape::Struct { id: 7, at: 1.0 }]);
    same(FloatKeys(0.5));
    same(BTreeMap::from([(1, true), (-1, false)]));
    same((BTreeMap::from([('"', ())]), BTreeMap::from([(true, 1)]), BTreeMap::from([(u128::MAX, 1)])));
    same(std::collections::HashMap::<String, u8>::new());
    same(serde_json::json!({"a": [null, {"b\n": -0.0}], "": {}}));
    same((Ok::<_, ()>(Err::<(), _>([[0_u8; 0]; 2])), serde_bytes_like()));
}

/// Bytes, which serde passes as a list only through `serialize_bytes`.
fn serde_bytes_like() -> impl Serialize {
    struct Bytes;
    impl Serialize for Bytes {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&[0, 7, 255])
        }
    }
    Bytes
}

#[test]
fn what_displays_itself_is_escaped_or_refused() {
    struct Shown(bool);
    impl Display for Shown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("\"\\\" \u{1} é")?;
            if self.0 { Ok(()) } else { Err(fmt::Error) }
        }
    }
    impl Serialize for Shown {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }
    assert_eq!(to_json(&Shown(true)), Ok(serde_json::to_vec(&Shown(true)).unwrap()));
    assert!(to_json(&Shown(false)).is_err());
}

#[test]
fn a_check_counts_what_would_be_written() {
    let value = serde_json::json!({"a": [1, {"b": "\n"}], "c": [[[]]]});
    let bytes = to_json(&value).unwrap().len();
    assert_eq!(check_json(&value, 4, bytes), Ok(()));
    assert!(check_json(&value, 3, bytes).unwrap_err().to_string().contains("deeper than 3 levels"));
    assert!(check_json(&value, 4, bytes - 1).unwrap_err().to_string().contains("more than"));
    let raw = RawValue::from_string("[[1]]".to_owned()).unwrap();
    assert!(check_json(&[&raw], 3, 99).is_ok() && check_json(&[&raw], 2, 99).is_err());
    assert!(check_json(&Shape::Tuple(1, 0.5), 2, 99).is_ok() && check_json(&Shape::Tuple(1, 0.5), 1, 99).is_err());
}

#[test]
fn a_field_named_like_nothing_in_rust_is_guarded_too() {
    #[derive(Serialize)]
    struct Renamed {
        #[serde(rename = "$ref")]
        field: Option<Option<u8>>,
    }
    assert!(to_json(&Renamed { field: Some(None) }).is_err());
}

#[test]
fn long_texts_are_as_serde_json_writes_them_wherever_they_are() {
    for text in ["plain é 🦀".repeat(20), "a\\nb".repeat(50), "\"".repeat(99), format!("{}\u{1f}", "x".repeat(200))]
    {
        let raw = RawValue::from_string(serde_json::to_string(&text).unwrap()).unwrap();
        let value = (&text, Some(&text), Wrapped(&text), BTreeMap::from([(&text, [&text])]), raw, Err::<(), _>(&text));
        assert_eq!(to_json(&value), Ok(serde_json::to_vec(&value).unwrap()));
        let keys = (BTreeMap::from([(Wrapped(&text), 1)]), BTreeMap::from([(Some(&text), 1)]));
        assert_eq!(to_json(&keys), Ok(serde_json::to_vec(&keys).unwrap()));
    }
}

#[test]
fn maps_without_text_for_keys_are_refused() {
    assert!(to_json(&BTreeMap::from([((1, 2), 3)])).is_err());
}

proptest! {
    #[test]
    fn any_text_is_as_serde_json_writes_it(text in "[ -~\\\\\"\\x00-\\x1f\\x7fé🦀]{0,3}[ -!#-\\[\\]-~]{0,200}[ -~\\\\\"\\x1f🦀]{0,2}") {
        prop_assert_eq!(to_json(&[&text]), Ok(serde_json::to_vec(&[&text]).unwrap()));
    }

    #[test]
    fn floats_are_written_if_and_only_if_they_are_finite(value in any::<f64>()) {
        match to_json(&[value]) {
            Ok(json) => prop_assert_eq!(json, serde_json::to_vec(&[value]).unwrap()),
            Err(_) => prop_assert!(!value.is_finite()),
        }
    }
}
