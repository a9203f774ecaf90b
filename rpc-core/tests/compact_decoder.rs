//! The fuzz target's body under proptest; and the examples of PROTOCOL.md.

use proptest::prelude::*;
use rpc_core::codec::compact::write_compact;
use serde::Serialize;

#[path = "../../fuzz/bodies/compact.rs"]
mod body;

const PROTOCOL: &str = include_str!("../../PROTOCOL.md");

/// The examples: what they are of, and their hexadecimal digits, with text between single quotes.
fn examples() -> Vec<(&'static str, Vec<u8>)> {
    let block = PROTOCOL.split("```compact\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    block.lines().filter_map(|line| line.split_once(" → ")).map(|(value, bytes)| (value, parse(bytes))).collect()
}

fn parse(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (place, text) in text.split('\'').enumerate() {
        if place % 2 == 1 {
            bytes.extend_from_slice(text.as_bytes());
            continue;
        }
        let digits: String = text.split_whitespace().collect();
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap_or_else(|_| panic!("no hex: {text}"));
        bytes.extend((0..digits.len()).step_by(2).map(byte));
    }
    bytes
}

#[derive(Serialize)]
struct Point {
    x: i32,
    y: i32,
}

#[derive(Serialize)]
enum Shape {
    Empty,
    Round(u8),
    Box { at: Point, name: Option<&'static str> },
}

#[test]
fn the_examples_of_the_document_are_what_is_written() {
    let written = |value: &dyn erased::Written| value.written();
    let expected: Vec<(&str, Vec<u8>)> = vec![
        ("true", written(&true)),
        ("200_u8", written(&200_u8)),
        ("-2_i8", written(&-2_i8)),
        ("300_u16", written(&300_u16)),
        ("-1_i64", written(&-1_i64)),
        ("150_i32", written(&150_i32)),
        ("1.0_f64", written(&1.0_f64)),
        ("'é'", written(&'é')),
        ("\"rust\"", written(&"rust")),
        ("Some(7_u8)", written(&Some(7_u8))),
        ("None", written(&None::<u8>)),
        ("()", written(&())),
        ("(1_u8, false)", written(&(1_u8, false))),
        ("[1_u16, 2]", written(&vec![1_u16, 2])),
        ("{\"a\": 1_u8}", written(&std::collections::BTreeMap::from([("a", 1_u8)]))),
        ("Point { x: 1, y: -1 }", written(&Point { x: 1, y: -1 })),
        ("Shape::Empty", written(&Shape::Empty)),
        ("Shape::Round(5)", written(&Shape::Round(5))),
        (
            "Shape::Box { at: Point { x: 0, y: 2 }, name: Some(\"b\") }",
            written(&Shape::Box { at: Point { x: 0, y: 2 }, name: Some("b") }),
        ),
    ];
    assert_eq!(examples(), expected);
}

/// Values of several types in one list.
mod erased {
    use super::{Serialize, write_compact};

    pub(crate) trait Written {
        fn written(&self) -> Vec<u8>;
    }

    impl<T: Serialize> Written for T {
        fn written(&self) -> Vec<u8> {
            let mut out = Vec::new();
            write_compact(&mut out, self).expect("it can be written");
            out
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(prop_oneof![0..12_u8, any::<u8>()], 0..200)) {
        body::decode(&bytes);
    }

    #[test]
    fn bytes_of_one_kind_nest_without_end_nowhere(byte in 0..12_u8, length in 0..100_000_usize) {
        body::decode(&vec![byte; length]);
    }
}
