//! The compact codec beside the crate `postcard`, and what it must refuse.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::prelude::*;
use serde::de::DeserializeOwned;

use super::*;
use crate::error::{ErrorRecord, RpcError};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    New(i64),
    Pair(u16, Option<String>),
    Named { at: (i8, u128), inner: Vec<Kind> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    flag: bool,
    #[serde(alias = "other")]
    small: (i8, u8, i16, u16),
    large: (i32, u32, i64, u64, i128, u128),
    float: (f32, f64),
    char: char,
    text: String,
    bytes: Vec<u8>,
    nested: Option<Option<()>>,
    map: BTreeMap<i32, Vec<bool>>,
    kinds: Vec<Kind>,
    #[serde(skip)]
    own: u8,
}

fn written<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    write_compact(&mut out, value).expect("it can be written");
    out
}

fn unwritable<T: Serialize + ?Sized>(value: &T) -> String {
    write_compact(&mut Vec::new(), value).expect_err("it cannot be written").to_string()
}

fn unreadable<T: DeserializeOwned + Debug>(bytes: &[u8]) -> String {
    read_compact::<T>(bytes).expect_err("it cannot be read").to_string()
}

fn kinds() -> impl Strategy<Value = Kind> {
    let leaf = prop_oneof![
        Just(Kind::Unit),
        any::<i64>().prop_map(Kind::New),
        any::<(u16, Option<String>)>().prop_map(|(n, text)| Kind::Pair(n, text)),
    ];
    leaf.prop_recursive(6, 32, 4, |inner| {
        (any::<(i8, u128)>(), prop::collection::vec(inner, 0..4)).prop_map(|(at, inner)| Kind::Named { at, inner })
    })
}

fn everything() -> impl Strategy<Value = Everything> {
    let scalars = (any::<bool>(), any::<(i8, u8, i16, u16)>(), any::<(i32, u32, i64, u64, i128, u128)>());
    let texts = (any::<(f32, f64)>(), any::<char>(), any::<String>(), any::<Vec<u8>>(), any::<Option<Option<()>>>());
    let lists = (any::<BTreeMap<i32, Vec<bool>>>(), prop::collection::vec(kinds(), 0..4));
    (scalars, texts, lists).prop_map(|((flag, small, large), (float, char, text, bytes, nested), (map, kinds))| {
        Everything { flag, small, large, float, char, text, bytes, nested, map, kinds, own: 0 }
    })
}

proptest! {
    #[test]
    fn values_are_the_bytes_of_postcard_and_come_back(value in everything()) {
        let bytes = written(&value);
        prop_assert_eq!(&bytes, &postcard::to_stdvec(&value).expect("postcard writes it"));
        prop_assert_eq!(read_compact::<Everything>(&bytes), Ok(value));
    }

    #[test]
    fn no_bytes_are_read_as_a_value_that_is_written_otherwise(bytes in any::<Vec<u8>>()) {
        if let Ok(value) = read_compact::<Vec<Kind>>(&bytes) {
            prop_assert_eq!(written(&value), bytes);
        }
    }

    #[test]
    fn what_was_cut_or_has_more_behind_it_is_refused(value in everything(), at in any::<prop::sample::Index>(), more: u8) {
        let mut bytes = written(&value);
        prop_assert!(read_compact::<Everything>(&bytes[..at.index(bytes.len())]).is_err());
        bytes.push(more);
        prop_assert!(read_compact::<Everything>(&bytes).is_err());
    }
}

#[test]
fn the_same_bytes_are_documented() {
    assert_eq!(written(&("rust", -1_i64, 300_u32, true, 'é')), b"\x04rust\x01\xac\x02\x01\x02\xc3\xa9");
    assert_eq!(written(&(Some(0.5_f64), None::<u8>, f32::NAN)), b"\x01\0\0\0\0\0\0\xe0\x3f\0\0\0\xc0\x7f");
    assert_eq!(written(&(Kind::Unit, Kind::New(2), ())), b"\0\x01\x04");
}

#[test]
fn an_error_of_ours_comes_back_whole_and_without_its_source() {
    let sent = RpcError::new(crate::Kind::Overloaded, "full").with_retry_after(std::time::Duration::from_millis(7));
    for sent in [sent.clone().at_node(&"a".into()), sent] {
        let bytes = written(&(&sent, sent.kind(), sent.record(), sent.executed()));
        let read = read_compact::<(RpcError, crate::Kind, ErrorRecord, crate::Executed)>(&bytes);
        assert_eq!(read, Ok((sent.clone(), sent.kind(), sent.record().clone(), sent.executed())));
    }
}

#[test]
fn text_and_bytes_are_borrowed_from_the_message() {
    let bytes = written(&("text", Cow::Borrowed("more")));
    let (text, more): (&str, Cow<'_, str>) = read_compact(&bytes).expect("read");
    assert_eq!((text, &*more), ("text", "more"));
    assert_eq!(text.as_ptr(), bytes[1..].as_ptr());
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Deep {
    End,
    In(Box<Deep>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Lists(Vec<Lists>);

/// On a stack on which recursion without a bound would end at once.
fn on_a_small_stack(body: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(1 << 20).spawn(body).expect("a thread").join().expect("no panic");
}

#[test]
fn four_mebibytes_of_nesting_overflow_no_stack() {
    on_a_small_stack(|| {
        let deep = vec![1; 4 << 20];
        for refused in [unreadable::<Deep>(&deep), unreadable::<Chain>(&deep), unreadable::<Lists>(&deep)] {
            assert_eq!(refused, "it nests deeper than 127 levels");
        }
    });
}

#[test]
fn as_many_levels_are_written_and_read_as_json_may_have() {
    on_a_small_stack(|| {
        let lists = |levels| (1..levels).fold(Lists(Vec::new()), |inner, _| Lists(vec![inner]));
        let variants = |levels| (0..levels).fold(Deep::End, |inner, _| Deep::In(Box::new(inner)));
        let bytes = written(&lists(127));
        assert_eq!(read_compact(&bytes), Ok(lists(127)));
        assert_eq!(read_compact(&written(&variants(127))), Ok(variants(127)));
        for error in [unwritable(&lists(128)), unwritable(&variants(128))] {
            assert_eq!(error, "it nests deeper than 127 levels");
        }
    });
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Empty {}

#[test]
fn lists_of_nothing_are_bounded_as_no_bytes_bound_them() {
    let bytes = written(&vec![Empty {}; MOST_EMPTY]);
    assert_eq!(bytes.len(), 3);
    assert_eq!(read_compact::<Vec<Empty>>(&bytes).map(|list| list.len()), Ok(MOST_EMPTY));
    assert!(unwritable(&vec![(); MOST_EMPTY + 1]).contains("65,536"));
    // 2^63 units, alone and as keys and values.
    let endless = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1];
    assert_eq!(unreadable::<Vec<()>>(&endless), "the bytes end before the value does");
    assert_eq!(unreadable::<BTreeMap<(), ()>>(&endless), "the bytes end before the value does");
    // 7,000 lists of ten units each.
    let lists = [&[0xd8, 0x36][..], &[10; 7000]].concat();
    assert_eq!(unreadable::<Vec<Vec<()>>>(&lists), "too many parts of lists have no content");
}

#[test]
fn a_length_reserves_no_more_memory_than_there_are_bytes() {
    struct Hint(usize);
    impl<'de> Deserialize<'de> for Hint {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Look;
            impl<'de> serde::de::Visitor<'de> for Look {
                type Value = Hint;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a list")
                }
                fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Hint, A::Error> {
                    let hint = seq.size_hint().expect("known");
                    while seq.next_element::<u8>()?.is_some() {}
                    Ok(Hint(hint))
                }
            }
            deserializer.deserialize_seq(Look)
        }
    }
    assert_eq!(read_compact::<Hint>(&[3, 1, 2, 3]).map(|hint| hint.0), Ok(3));
    assert!(read_compact::<Hint>(&[0x80, 0x80, 4, 1, 2, 3]).is_err());
}

#[test]
fn numbers_are_in_their_range_and_shortest_form() {
    assert!(read_compact::<u16>(&[0x80, 0x80, 4]).is_err(), "65,536");
    assert!(read_compact::<u64>(&[0x80, 0]).is_err(), "0 in two bytes");
    assert!(read_compact::<u64>(&[0xff; 10]).is_err());
    assert!(read_compact::<u128>(&[0xff; 30]).is_err());
    assert!(read_compact::<i32>(&written(&i64::MIN)).is_err());
    assert!(read_compact::<bool>(&[2]).is_err() && read_compact::<Option<u8>>(&[2, 0]).is_err());
    assert!(read_compact::<char>(b"\x02ab").is_err() && read_compact::<char>(&[0]).is_err());
    assert!(read_compact::<String>(&[1, 0xff]).is_err());
    assert!(read_compact::<Kind>(&[4]).is_err(), "no such variant");
}

mod unfit {
    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    struct LeavesOut {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        a: Option<u8>,
        b: u8,
    }

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Number(u8),
        Text(String),
    }

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        A { a: u8 },
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Flat {
        #[serde(flatten)]
        inner: BTreeMap<String, u8>,
    }

    struct Lies(usize);

    impl Serialize for Lies {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut seq = serializer.serialize_seq(Some(self.0))?;
            seq.serialize_element(&1)?;
            seq.end()
        }
    }

    #[test]
    fn what_would_be_read_as_something_else_is_not_written() {
        let error = unwritable(&LeavesOut { a: None, b: 1 });
        assert!(error.contains("the field `a` is left out") && error.contains("take `compact` off"), "{error}");
        assert!(read_compact::<LeavesOut>(&written(&LeavesOut { a: Some(2), b: 1 })).is_ok());
        assert!(unwritable(&Flat { inner: BTreeMap::new() }).contains("flatten"));
        assert!(unwritable(&Lies(0)).contains("more parts") && unwritable(&Lies(2)).contains("fewer parts"));
        let raw = serde_json::value::RawValue::from_string("1".to_owned()).expect("JSON");
        assert!(unwritable(&raw).contains("raw JSON"));
    }

    #[test]
    fn what_cannot_be_read_without_names_says_so() {
        let say = "take `compact` off the service";
        assert!(unreadable::<Untagged>(&written(&Untagged::Number(1))).contains(say));
        assert!(unreadable::<Untagged>(&written(&Untagged::Text("a".to_owned()))).contains(say));
        assert!(unreadable::<Tagged>(&written(&Tagged::A { a: 1 })).contains(say));
        assert!(unreadable::<serde_json::Value>(&written(&serde_json::json!({"a": 1}))).contains(say));
    }
}
