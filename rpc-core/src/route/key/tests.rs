//! What becomes of each shape of value, and the laws that hold for all of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use serde::Serialize;
use serde_json::Value;

use super::*;

fn bytes<T: Serialize + ?Sized>(value: &T) -> String {
    let mut key = Key::new();
    key.push(value).unwrap();
    assert_eq!(slot_of(value), Ok(key.slot()));
    String::from_utf8(key.bytes().to_vec()).unwrap()
}

fn refused<T: Serialize + ?Sized>(value: &T) -> KeyError {
    let mut key = Key::new();
    key.push("before").unwrap();
    let error = key.push(value).unwrap_err();
    assert_eq!(key.bytes(), b"before");
    assert_eq!(slot_of(value), Err(error.clone()));
    error
}

#[derive(Serialize)]
struct Code<T>(T);

#[derive(Serialize)]
struct Unit;

#[derive(Serialize)]
struct Point {
    y: i32,
    x: Option<Box<Point>>,
}

#[derive(Serialize)]
enum Shape {
    Dot,
    #[serde(rename = "{a}b")]
    Tagged,
    Round(u8),
    Pair(u8, char),
    Named {
        b: u8,
        a: &'static str,
    },
}

struct Blob<'a>(&'a [u8]);

impl Serialize for Blob<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// A map whose entries come in the order given, doubled ones too.
struct Members<'a, K, V>(&'a [(K, V)]);

impl<K: Serialize, V: Serialize> Serialize for Members<'_, K, V> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// As many lists around each other.
struct Nested(usize);

impl Serialize for Nested {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0 > 1).then(|| Nested(self.0 - 1)))
    }
}

#[test]
fn text_and_scalars_are_their_plain_text() {
    assert_eq!(bytes("a \"b\""), "a \"b\"");
    assert_eq!(bytes(&i128::MIN), i128::MIN.to_string());
    assert_eq!(bytes(&u128::MAX), u128::MAX.to_string());
    assert_eq!(bytes(&(-5_i8)), "-5");
    assert_eq!(bytes(&true), "true");
    assert_eq!(bytes(&'é'), "é");
    assert_eq!(bytes(&Shape::Dot), "Dot");
    assert_eq!(bytes(&Some(Code(Some(7_u16)))), "7");
    assert_eq!(bytes(&std::net::Ipv4Addr::LOCALHOST), "127.0.0.1");
}

#[test]
fn everything_else_is_compact_json_with_sorted_members() {
    assert_eq!(bytes(&None::<u8>), "null");
    assert_eq!(bytes(&()), "null");
    assert_eq!(bytes(&Unit), "null");
    assert_eq!(bytes(&("a", 1, [true])), r#"["a",1,[true]]"#);
    assert_eq!(bytes(&Blob(&[1, 255])), "[1,255]");
    assert_eq!(bytes(&Shape::Round(3)), r#"{"Round":3}"#);
    assert_eq!(bytes(&Shape::Pair(3, '"')), r#"{"Pair":[3,"\""]}"#);
    assert_eq!(bytes(&Shape::Named { b: 2, a: "\n\u{1}" }), r#"{"Named":{"a":"\n\u0001","b":2}}"#);
    let point = Point { y: 1, x: Some(Box::new(Point { y: 2, x: None })) };
    assert_eq!(bytes(&point), r#"{"x":{"x":null,"y":2},"y":1}"#);
    assert_eq!(bytes(&[Shape::Dot, Shape::Named { b: 0, a: "" }]), r#"["Dot",{"Named":{"a":"","b":0}}]"#);
    let numbered = BTreeMap::from([(10, 'a'), (9, 'b'), (-1, 'c')]);
    assert_eq!(bytes(&numbered), r#"{"-1":"c","10":"a","9":"b"}"#);
}

#[test]
fn members_are_sorted_by_name_before_escaping() {
    // Escaped, `"` starts with a backslash (0x5C) and would come after `A`.
    let unsorted = [("é", 3), ("A", 2), ("\"", 1)];
    assert_eq!(bytes(&Members(&unsorted)), r#"{"\"":1,"A":2,"é":3}"#);
}

#[test]
fn braces_are_a_hash_tag_in_plain_components_only() {
    let mut key = Key::new();
    key.push("{user1000}.a").unwrap();
    key.push(&7).unwrap();
    assert_eq!((key.bytes(), key.hashed()), (&b"{user1000}.a\x1f7"[..], &b"user1000"[..]));
    key.push(&["x"]).unwrap();
    assert_eq!(key.hashed(), key.bytes());
    assert_eq!(slot_of("{user1000}.following").map(Slot::get), Ok(3443));
    assert_eq!(slot_of(&Shape::Tagged), Ok(Slot::of_bytes(b"a")));
    assert_eq!(slot_of(&["{a}"]), Ok(Slot::of_bytes(br#"["{a}"]"#)));
}

#[test]
fn components_are_joined_by_one_separator_even_if_empty() {
    let mut key = Key::new();
    assert_eq!(key.slot().get(), 0);
    for component in ["", "a", ""] {
        key.push(component).unwrap();
    }
    assert_eq!(key.bytes(), b"\x1fa\x1f");
    assert_eq!(format!("{key:?}"), r#"Key("\x1fa\x1f")"#);
}

#[test]
fn what_has_no_single_text_is_refused_with_advice() {
    assert_eq!(refused(&1.5), KeyError::Float);
    assert_eq!(refused(&vec![Some(0.0_f32)]), KeyError::Float);
    assert!(KeyError::Float.to_string().contains("use an integer or text"));
    assert!(matches!(refused(&HashMap::from([((1, 2), 3)])), KeyError::MemberName("a tuple")));
    assert!(matches!(refused(&HashMap::from([(None::<u8>, 3)])), KeyError::MemberName(_)));
    let raw = serde_json::value::RawValue::from_string("1 ".to_owned()).unwrap();
    assert_eq!(refused(&raw), KeyError::RawJson);
}

#[test]
fn keys_nest_as_deep_as_arguments_may() {
    assert_eq!(bytes(&Nested(127)).len(), 254);
    assert_eq!(refused(&Nested(128)), KeyError::TooDeep);
    assert_eq!(refused(&Nested(1_000)), KeyError::TooDeep);
}

#[test]
fn names_that_become_equal_as_text_are_refused() {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Name {
        Number(u8),
        Text(&'static str),
    }
    let doubled = [(Name::Number(1), 0), (Name::Text("0"), 0), (Name::Text("1"), 0)];
    assert_eq!(refused(&Members(&doubled)), KeyError::Duplicate("1".to_owned()));
    assert_eq!(refused(&Members(&[("a", 1), ("a", 1)])), KeyError::Duplicate("a".to_owned()));
}

#[test]
fn numbers_of_serde_json_are_integers_or_refused() {
    for (text, key) in [
        ("7", Some("7")),
        ("-7", Some("-7")),
        ("18446744073709551615", Some("18446744073709551615")),
        ("1.0", None),
        ("-0", None),
        ("1e2", None),
    ] {
        let value: Value = serde_json::from_str(text).unwrap();
        match key {
            Some(key) => assert_eq!(bytes(&value), key),
            None => assert_eq!(refused(&value), KeyError::Float, "{text}"),
        }
    }
    // The shape that the feature `arbitrary_precision` gives them.
    #[derive(Serialize)]
    #[serde(rename = "$serde_json::private::Number")]
    struct Number {
        #[serde(rename = "$serde_json::private::Number")]
        text: &'static str,
    }
    assert_eq!(bytes(&Number { text: "-12" }), "-12");
    assert_eq!(bytes(&[Number { text: "12" }]), "[12]");
    for text in ["1.0", "1e2", "-0", "-", ""] {
        assert_eq!(refused(&Number { text }), KeyError::Float, "{text}");
    }
}

/// Any JSON value that may be a key.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn text_is_hashed_the_same_in_every_type(text in "([{}]|.){0,40}") {
        let slot = Slot::of_text(text.as_bytes());
        prop_assert_eq!(slot_of(text.as_str()), Ok(slot));
        prop_assert_eq!(slot_of(&text), Ok(slot));
        prop_assert_eq!(slot_of(&&text), Ok(slot));
        prop_assert_eq!(slot_of(&Cow::Borrowed(text.as_str())), Ok(slot));
        prop_assert_eq!(slot_of(&Code(text.clone())), Ok(slot));
        prop_assert_eq!(slot_of(&Some(&text)), Ok(slot));
        prop_assert_eq!(bytes(&text), text);
    }

    #[test]
    fn canonical_json_parses_back_to_an_equal_value(value in json()) {
        let text = bytes(&value);
        if !value.is_string() {
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }

    #[test]
    fn members_may_come_in_any_order(
        (members, shuffled) in prop::collection::btree_map(any::<String>(), json(), 0..8).prop_flat_map(|map| {
            let members: Vec<_> = map.into_iter().collect();
            (Just(members.clone()), Just(members).prop_shuffle())
        })
    ) {
        let sorted = bytes(&Members(&members));
        prop_assert_eq!(&sorted, &bytes(&Members(&shuffled)));
        prop_assert_eq!(sorted, bytes(&members.into_iter().collect::<HashMap<_, _>>()));
    }

    #[test]
    fn long_keys_spill_without_a_change(components in prop::collection::vec(".{0,60}", 1..8)) {
        let mut key = Key::new();
        for component in &components {
            key.push(component).unwrap();
        }
        let joined = components.join("\x1f");
        prop_assert_eq!(key.bytes(), joined.as_bytes());
        prop_assert_eq!(key.slot(), Slot::of_text(joined.as_bytes()));
    }
}
