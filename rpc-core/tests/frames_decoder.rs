//! The fuzz target's body under proptest, from bytes at random to the examples of PROTOCOL.md, damaged a little; and those examples themselves.

use proptest::prelude::*;
use rpc_core::transport::frames::{FrameKind, MAX_FRAME, Next, next};

#[path = "../../fuzz/bodies/frames.rs"]
mod body;

const PROTOCOL: &str = include_str!("../../PROTOCOL.md");

/// The examples: hexadecimal digits, with text between single quotes, each behind what it is an example of and up to a `#`.
fn examples() -> Vec<(&'static str, Vec<u8>)> {
    let blocks = PROTOCOL.split("```frames\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks
        .flat_map(str::lines)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, bytes)| (name, parse(bytes)))
        .collect()
}

fn parse(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (place, text) in text.split('\'').enumerate() {
        if place % 2 == 1 {
            bytes.extend_from_slice(text.as_bytes());
            continue;
        }
        let (hex, is_end) = text.split_once('#').map_or((text, false), |(hex, _)| (hex, true));
        let digits: String = hex.split_whitespace().collect();
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap_or_else(|_| panic!("no hex: {hex}"));
        bytes.extend((0..digits.len()).step_by(2).map(byte));
        if is_end {
            break;
        }
    }
    bytes
}

#[test]
fn the_examples_of_the_document_are_read_and_written_alike() {
    let examples = examples();
    for (name, bytes) in &examples {
        let Ok(Next::Whole { frame, consumed }) = next(bytes, MAX_FRAME) else {
            panic!("{name}: {:?}", next(bytes, MAX_FRAME));
        };
        assert_eq!(consumed, bytes.len(), "{name}");
        assert_eq!(frame.kind().to_string(), *name);
        body::decode(bytes);
    }
    for kind in FrameKind::ALL {
        assert!(
            examples.iter().any(|(name, _)| *name == kind.to_string()),
            "PROTOCOL.md has no example of a {kind} frame"
        );
    }
}

/// A kind and some fields behind their right length.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    (0..16_u8, prop::collection::vec(prop_oneof![0..3_u8, any::<u8>()], 0..60)).prop_map(|(kind, fields)| {
        let length = u32::try_from(fields.len() + 1).expect("short");
        [&length.to_le_bytes()[..], &[kind], &fields].concat()
    })
}

proptest! {
    #[test]
    fn any_bytes_are_frames_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        body::decode(&bytes);
    }

    #[test]
    fn any_fields_are_frames_or_refused(frames in prop::collection::vec(frame(), 0..4)) {
        body::decode(&frames.concat());
    }

    #[test]
    fn damaged_examples_are_frames_or_refused(
        which: prop::sample::Index,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut: prop::sample::Index,
    ) {
        let examples = examples();
        let (_, mut bytes) = examples[which.index(examples.len())].clone();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        body::decode(&bytes);
        body::decode(&bytes[..cut.index(bytes.len())]);
    }
}
