//! What no reader takes: by its first bytes, by its fields, by its sum, or by the peer's own words.

use super::*;
use crate::error::{Kind, RpcError};
use crate::node::NodeId;

#[test]
fn a_length_beyond_the_limit_is_refused_by_its_first_bytes() {
    let too_long = |kind, declared, most| Err(Fault::TooLong { kind, declared, most });
    assert_eq!(next(&[0xff; 4], MAX_FRAME), too_long(None, u32::MAX, MAX_FRAME));
    assert_eq!(next(&[0, 0, 0, 0], MAX_FRAME), Err(Fault::Empty));
    assert_eq!(next(&[11, 0, 0, 0, 2], 10), too_long(None, 11, 10));
    assert_eq!(next(&[10, 0, 0, 0, 7], MAX_FRAME), too_long(Some(FrameKind::Ping), 10, 9));
    assert_eq!(next(&[0, 0, 1, 0, 1], MAX_FRAME), too_long(Some(FrameKind::Hello), 65536, MAX_NOTE + 1));
    assert_eq!(next(&[10, 0, 0, 0, 0x2a], MAX_FRAME), Err(Fault::UnknownKind(0x2a)));
    assert_eq!(next(&[], MAX_FRAME), Ok(Next::Short { missing: 5 }));
    assert_eq!(next(&[10, 0, 0, 0], MAX_FRAME), Ok(Next::Short { missing: 10 }));
}

#[test]
fn other_protocols_are_named() {
    for (bytes, name) in [
        (&b"\x16\x03\x01\x02\x00"[..], "TLS"),
        (b"\x16\x03\x01\x00\xc8", "TLS"),
        (b"GET / HTTP/1.1", "plain HTTP"),
        (b"HTTP/1.1 200 OK", "plain HTTP"),
    ] {
        assert_eq!(next(bytes, MAX_FRAME), Err(Fault::Foreign(name)));
    }
}

#[test]
fn each_broken_field_is_refused_by_its_name() {
    let call = |flags: u8, rest: &[u8]| [&[7, flags][..], &[1; 8], &[2, 1, 9], rest].concat();
    for (kind, fields, field, wrong) in [
        (FrameKind::Call, vec![0x80, 0], "request id", Wrong::Overlong),
        (FrameKind::Call, vec![7], "flags", Wrong::Cut),
        (FrameKind::Call, call(0x40, b"\x01m"), "flags", Wrong::UnknownBits(0x40)),
        (FrameKind::Call, [&[7, 0][..], &[1; 8], &[2, 2, 9, 1, b'm']].concat(), "call id", Wrong::NoCallId),
        (FrameKind::Call, [&[7, 0][..], &[1; 8], &[0, 0, 9, 1, b'm']].concat(), "call id", Wrong::NoCallId),
        (FrameKind::Call, call(1, b"\x80\x80\x01\x01\x01m"), "slot", Wrong::OutOfRange(16384)),
        (FrameKind::Call, call(4, b"\x00\x01m"), "hops", Wrong::OutOfRange(0)),
        (FrameKind::Call, call(0, b"\x02m"), "method", Wrong::Cut),
        (FrameKind::Call, call(0, b"\x00"), "method", Wrong::Length { length: 0, most: MAX_METHOD }),
        (FrameKind::Call, call(0, b"\x02\xc3\x28"), "method", Wrong::NotText),
        (FrameKind::Call, call(0x10, b"\x81\x02"), "trace", Wrong::Length { length: 257, most: MAX_TRACE }),
        (FrameKind::Reply, vec![7, 2], "flags", Wrong::UnknownBits(2)),
        (FrameKind::Reply, vec![7, 1, 0], "covered", Wrong::OutOfRange(0)),
        (FrameKind::Reply, vec![7, 1, 0x81, 0x80, 1], "covered", Wrong::OutOfRange(16385)),
        (FrameKind::Reply, vec![7, 1, 0x80, 0x80, 1, 0, 0, 1], "first slot", Wrong::Cut),
        (FrameKind::Reply, vec![7, 1, 1, 5, 4, 1], "last slot", Wrong::OutOfRange(4)),
        (FrameKind::Part, vec![7, 3, 1], "message", Wrong::OutOfRange(3)),
        (FrameKind::Part, vec![7, 0], "piece", Wrong::Length { length: 0, most: PART }),
        (FrameKind::StreamEnd, vec![7, 2], "outcome", Wrong::OutOfRange(2)),
        (FrameKind::Ping, vec![1; 7], "bytes", Wrong::Cut),
        (FrameKind::Bye, vec![1, 0xff], "reason", Wrong::NotText),
    ] {
        assert_eq!(read(&raw(kind, &fields)), Err(Fault::Field { kind, field, wrong }), "{kind} {fields:x?}");
    }
    for (kind, fields) in
        [(FrameKind::Cancel, &[7, 0][..]), (FrameKind::Window, &[7, 7, 7]), (FrameKind::StreamEnd, &[7, 0, 0])]
    {
        assert_eq!(read(&raw(kind, fields)), Err(Fault::Trailing { kind, extra: 1 }));
    }
}

#[test]
fn parts_stay_within_what_was_agreed() {
    let mut parts = Parts::new(10, 2);
    parts.add(Of::Call, 7, b"12345").expect("within");
    parts.add(Of::Answer, 7, b"abcdef").expect("another message of the same number");
    assert_eq!(parts.add(Of::Call, 8, b"1"), Err(Fault::TooManyParts { most: 2 }));
    assert_eq!(parts.add(Of::Call, 7, b"123456"), Err(Fault::MessageTooLarge { most: 10 }));
    assert_eq!(parts.finish(Of::Answer, 7, b"ghijk"), Err(Fault::MessageTooLarge { most: 10 }));
    assert_eq!(parts.finish(Of::Call, 9, b"12345678901"), Err(Fault::MessageTooLarge { most: 10 }));
    assert_eq!(parts.held(), 5);
    parts.discard(Of::Call, 7);
    assert_eq!(parts.held(), 0);
    assert_eq!(parts.finish(Of::Call, 7, b"new"), Ok(None));
}

#[test]
fn hellos_agree_on_what_both_can_take() {
    let ours = Hello { cluster: Some("5e".into()), build: Some("b1".into()), ..Hello::new(4 << 20, 512) };
    let theirs =
        Hello { node: Some(NodeId::new("n1")), build: Some("b1".into()), max_in_flight: 7, ..Hello::new(1 << 20, 0) };
    let agreed = theirs.check(&ours).expect("nothing speaks against it");
    assert_eq!((agreed.max_frame, agreed.max_message, agreed.max_in_flight), (MAX_FRAME, 1 << 20, 7));
    assert!(agreed.same_build && agreed.node == Some(NodeId::new("n1")));
    let unknown = Hello { build: None, max_in_flight: u64::MAX, ..ours.clone() };
    let agreed = unknown.check(&unknown).expect("nothing speaks against it");
    assert!(!agreed.same_build && agreed.max_in_flight == MAX_OPEN, "an unknown build is never the same");

    let refused = |theirs: Hello| theirs.check(&ours).expect_err("refused");
    assert!(matches!(refused(Hello { version: 2, ..theirs.clone() }), Refusal::Version { theirs: 2, ours: 1 }));
    assert!(matches!(refused(Hello { cluster: Some("5f".into()), ..theirs.clone() }), Refusal::Cluster { .. }));
    assert!(matches!(refused(Hello { node: Some(NodeId::new("")), ..theirs.clone() }), Refusal::Node { length: 0 }));
    assert!(matches!(refused(Hello { max_frame: 100, ..theirs.clone() }), Refusal::Limit { what: "frames", .. }));
    assert!(matches!(refused(Hello { max_message: 0, ..theirs }), Refusal::Limit { what: "messages", .. }));
}

#[test]
fn notes_of_later_versions_are_read_and_others_refused() {
    let hello = br#"{"version":1,"max_frame":303104,"max_message":4194304,"max_in_flight":512,"colour":"red"}"#;
    assert_eq!(Hello::parse(hello), Ok(Hello::new(4 << 20, 512)));
    for bad in ["", "[1]", "{}", r#"{"version":-1,"max_frame":1,"max_message":1,"max_in_flight":1}"#, "\"wherever\""] {
        assert!(matches!(Hello::parse(bad.as_bytes()), Err(Fault::BadJson { kind: FrameKind::Hello, .. })), "{bad}");
    }
    assert_eq!(GoAway::parse(br#"{"reason":"a\nb","x":1}"#).map(|away| away.reason), Ok("a\\nb".to_owned()));
    assert!(GoAway::parse(br#"{"reason":1}"#).is_err());
}

#[test]
fn long_words_are_cut_to_what_every_reader_takes() {
    let words = "\"é\u{7}".repeat(20_000);
    let mut out = Vec::new();
    write_go_away(&mut out, &words);
    let Ok(Frame::GoAway(json)) = read(&out) else { panic!("no go-away") };
    assert!(GoAway::parse(json).is_ok());
    out.clear();
    write_bye(&mut out, ByeCode::Malformed, &words);
    assert!(matches!(read(&out), Ok(Frame::Bye { code: ByeCode::Malformed, .. })));
    out.clear();
    let error = RpcError::new(Kind::Overloaded, words.clone()).at_node(&NodeId::new("n1")).with_address(words);
    write_error(&mut out, 7, error.record());
    let Ok(Frame::Error { request: 7, record }) = read(&out) else { panic!("no error") };
    assert_eq!(serde_json::from_slice::<RpcError>(record).expect("a record").kind(), Kind::Overloaded);
}
