//! What was written reads back, however it is cut up; what was damaged is read or refused, and nothing else.

mod refusals;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::*;
use crate::call::{Call, CallId, Covered, Deadline, Path, Target};
use crate::codec::payload::Payload;
use crate::service::{MethodDescriptor, Routing};

static METHOD: MethodDescriptor = MethodDescriptor {
    service: "Probe",
    group: "default",
    name: "put",
    full_name: "Probe.put",
    routing: Routing::Key,
    params: &["key"],
    key: &["key"],
    docs: "",
    read: false,
    idempotent: false,
    streams: false,
    detach: false,
    slot_of: None,
    merge: None,
    compact: None,
};

fn call() -> Call {
    Call {
        method: &METHOD,
        params: Payload::json("[1]"),
        target: Target::Any,
        epoch: 0,
        deadline: Deadline::after(std::time::Duration::from_secs(1)),
        id: CallId { session: 0x00c0_ffee, sequence: 7, acked: 6 },
        first_epoch: None,
        hops: 0,
        path: Path::root(),
        trace: None,
    }
}

/// The only frame of these bytes.
fn read(bytes: &[u8]) -> Result<Frame<'_>, Fault> {
    match next(bytes, MAX_FRAME)? {
        Next::Whole { frame, consumed } if consumed == bytes.len() => Ok(frame),
        other => panic!("one frame was written, and {other:?} read"),
    }
}

/// The bytes of a frame of this kind with these fields, right or wrong.
fn raw(kind: FrameKind, fields: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    body::write(&mut out, kind, fields.len(), |out| out.extend_from_slice(fields));
    out
}

fn written(frame: &Frame<'_>) -> Vec<u8> {
    let mut out = b"what is there already".to_vec();
    let before = out.len();
    frame.write(&mut out).expect("within the bounds");
    out.split_off(before)
}

/// A number of any length.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64_u32).prop_map(|(number, shift)| number >> shift)
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..60)
}

fn covered() -> impl Strategy<Value = Vec<Covered>> {
    let run = (0..Slot::COUNT, 0..Slot::COUNT, number()).prop_map(|(one, other, epoch)| {
        let slot = |number| Slot::new(number).expect("below the count");
        Covered { first: slot(one.min(other)), last: slot(one.max(other)), epoch }
    });
    vec(run, 0..5)
}

prop_compose! {
    fn call_bytes()(
        numbers in (number(), number(), number(), 1..=u64::MAX, number()),
        slot in of((0..Slot::COUNT, number())),
        first_epoch in of(number()),
        hops: u8,
        path in of("[A-Za-zé]{1,9}\\.[a-z]{1,9}"),
        trace in of(vec(any::<u8>(), 1..=MAX_TRACE)),
        compact: bool,
        method in "[A-Za-zé.]{1,40}",
        payload in payload(),
    ) -> Vec<u8> {
        let (request, left_ms, session, sequence, acked) = numbers;
        written(&Frame::Call(CallFrame {
            request,
            id: CallId { session, sequence, acked: acked % sequence },
            left_ms,
            slot: slot.map(|(slot, epoch)| (Slot::new(slot).expect("below the count"), epoch)),
            first_epoch,
            hops,
            path: path.as_deref().map_or(PathText::Root, PathText::Text),
            trace: trace.as_deref(),
            compact,
            method: &method,
            payload: &payload,
        }))
    }
}

/// A frame of any kind, written.
fn frame_bytes() -> impl Strategy<Value = Vec<u8>> {
    let with_payload = (0..9_u8, number(), number(), any::<[bool; 2]>(), payload()).prop_map(
        |(which, request, credit, [one, compact], payload)| {
            let payload = &payload[..];
            let of = if one { Of::Call } else { Of::Item };
            written(&match which {
                0 => Frame::Failure { request, compact, payload },
                1 => Frame::Error { request, record: payload },
                2 => Frame::Cancel { request },
                3 if payload.is_empty() => Frame::Part { request, of, bytes: b"x" },
                3 => Frame::Part { request, of, bytes: payload },
                4 => Frame::Window { request, credit },
                5 => Frame::StreamItem { request, failed: one, compact, item: payload },
                6 => Frame::StreamEnd { request, error: one.then_some(payload) },
                7 => Frame::StreamBegin { request },
                _ => Frame::Hello(payload),
            })
        },
    );
    let reply = (number(), any::<bool>(), covered(), payload()).prop_map(|(request, compact, covered, value)| {
        let mut out = Vec::new();
        write_reply(&mut out, request, compact, &covered, &value);
        out
    });
    let rest = (0..4_u8, any::<[u8; 8]>(), any::<u8>(), "\\PC{0,40}").prop_map(|(which, bytes, code, text)| {
        written(&match which {
            0 => Frame::Ping(bytes),
            1 => Frame::Pong(bytes),
            2 => Frame::GoAway(text.as_bytes()),
            _ => Frame::Bye { code: code.into(), reason: &text },
        })
    });
    prop_oneof![call_bytes(), with_payload, reply, rest]
}

proptest! {
    #[test]
    fn whole_frames_are_counted_as_they_are_read(frames in vec(frame_bytes(), 0..5), cut in any::<proptest::sample::Index>()) {
        let bytes = frames.concat();
        let bytes = &bytes[..cut.index(bytes.len() + 1)];
        let mut read = 0;
        while let Next::Whole { consumed, .. } = next(&bytes[read..], MAX_FRAME).expect("frames") {
            read += consumed;
        }
        prop_assert_eq!(whole(bytes, MAX_FRAME), Ok(read));
    }
}

proptest! {
    #[test]
    fn any_frame_reads_back_and_is_written_as_the_same_bytes(bytes in frame_bytes()) {
        let frame = read(&bytes).expect("a frame");
        prop_assert_eq!(frame.kind() as u8, bytes[LENGTH_BYTES]);
        prop_assert_eq!(written(&frame), bytes);
    }

    #[test]
    fn frames_come_out_alike_however_the_stream_is_cut(
        frames in vec(frame_bytes(), 1..6),
        cuts in vec(1..50_usize, 1..20),
    ) {
        let stream = frames.concat();
        let (mut buffer, mut arrived, mut got, mut cuts) = (Vec::new(), 0, Vec::new(), cuts.into_iter().cycle());
        while arrived < stream.len() {
            let until = stream.len().min(arrived + cuts.next().expect("endless"));
            buffer.extend_from_slice(&stream[arrived..until]);
            arrived = until;
            loop {
                match next(&buffer, MAX_FRAME).expect("frames") {
                    Next::Whole { frame, consumed } => {
                        got.push(written(&frame));
                        buffer.drain(..consumed);
                    }
                    Next::Short { missing } => {
                        prop_assert!(missing > 0);
                        break;
                    }
                }
            }
        }
        prop_assert!(buffer.is_empty());
        prop_assert_eq!(got, frames);
    }

    #[test]
    fn a_frame_that_is_cut_off_says_how_much_is_missing(bytes in frame_bytes(), cut: prop::sample::Index) {
        let there = cut.index(bytes.len());
        let missing = match next(&bytes[..there], MAX_FRAME) {
            Ok(Next::Short { missing }) => missing,
            other => panic!("{other:?}"),
        };
        prop_assert!(missing <= bytes.len() - there);
        if there >= LENGTH_BYTES {
            prop_assert_eq!(missing, bytes.len() - there);
        }
    }

    #[test]
    fn a_damaged_frame_is_read_or_refused(
        mut bytes in frame_bytes(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(Next::Whole { frame, consumed }) = next(&bytes, MAX_FRAME) {
            prop_assert_eq!(written(&frame), &bytes[..consumed]);
        }
    }

    #[test]
    fn covered_slots_arrive(covered in covered(), value in payload()) {
        let mut out = Vec::new();
        write_reply(&mut out, 7, true, &covered, &value);
        let Ok(Frame::Reply { request: 7, compact: true, covered: runs, value: arrived }) = read(&out) else {
            panic!("no reply: {out:x?}");
        };
        prop_assert_eq!(runs.iter().collect::<Vec<_>>(), covered);
        prop_assert_eq!(arrived, value);
    }

    #[test]
    fn a_message_in_parts_arrives_whole(length in 0..4 * PART + 2, at_an_end in 0..4_usize, near: bool) {
        let length = if near { at_an_end * PART + length % 3 } else { length };
        let payload: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let (ahead, last) = in_parts(&payload);
        let mut parts = Parts::new(length, 1);
        for piece in ahead {
            prop_assert!(piece.len() == PART && last.len() <= PART && !last.is_empty());
            parts.add(Of::Answer, 7, piece).expect("as long as agreed");
        }
        let whole = parts.finish(Of::Answer, 7, last).expect("as long as agreed");
        prop_assert_eq!(whole.is_none(), length <= PART);
        prop_assert_eq!(whole.as_deref().unwrap_or(last), &payload);
        prop_assert_eq!(parts.held(), 0);
    }

    #[test]
    fn a_failure_says_the_same_in_one_frame_and_in_parts(message in "\\PC{0,40}", error in payload()) {
        let mut out = Vec::new();
        write_failure(&mut out, 7, false, &message, &error);
        let payload = failure_payload(&message, &error);
        prop_assert_eq!(read(&out), Ok(Frame::Failure { request: 7, compact: false, payload: &payload }));
        prop_assert_eq!(read_failure(&payload), Ok((&message[..], &error[..])));
    }
}

#[test]
fn a_call_goes_over_with_all_that_it_has() {
    let path = Path::root().nest("A.b").and_then(|path| path.nest("C.d")).expect("two deep");
    let slot = Slot::new(12182).expect("below the count");
    let trace = Some(Bytes::from_static(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    let full = Call { target: Target::Slot(slot), epoch: 3, first_epoch: Some(2), hops: 1, path, trace, ..call() };
    for call in [call(), full] {
        let mut out = Vec::new();
        let sent = CallFrame::new(7, &call, 250);
        sent.write(&mut out).expect("within the bounds");
        let Ok(Frame::Call(arrived)) = read(&out) else { panic!("no call: {out:x?}") };
        assert_eq!(arrived, sent);
        assert_eq!((arrived.id, arrived.method, arrived.payload), (call.id, "Probe.put", &b"[1]"[..]));
        assert_eq!(arrived.slot, call.target.slot().map(|slot| (slot, call.epoch)));
        assert_eq!(arrived.path.text(), call.path.to_string());
        assert_eq!(arrived.trace, call.trace.as_deref());
    }
}

#[test]
fn a_call_that_no_reader_takes_is_not_written() {
    let long = "a".repeat(MAX_PATH_TEXT + 1);
    let call = call();
    let frame = CallFrame::new(7, &call, 1);
    for (frame, field) in [
        (CallFrame { method: &long, ..frame }, "method"),
        (CallFrame { method: "", ..frame }, "method"),
        (CallFrame { path: PathText::Text(&long), ..frame }, "path"),
        (CallFrame { trace: Some(long.as_bytes()), ..frame }, "trace"),
    ] {
        let mut out = Vec::new();
        assert_eq!(frame.write(&mut out).map_err(|unsendable| unsendable.field), Err(field));
        assert!(out.is_empty());
    }
    let odd = Call { trace: Some(Bytes::from(long.clone())), ..call };
    assert_eq!(CallFrame::new(7, &odd, 1).trace, None, "what is no traceparent is not handed on");
}

#[test]
fn the_largest_frames_that_anybody_sends_are_taken() {
    let runs: Vec<_> = Slot::all().map(|slot| Covered { first: slot, last: slot, epoch: u64::MAX }).collect();
    let mut out = Vec::new();
    write_reply(&mut out, u64::MAX, true, &runs, &[b'1'; PART]);
    assert!(matches!(read(&out), Ok(Frame::Reply { covered, .. }) if covered.len() == MAX_RUNS));
    let (path, method) = ("a".repeat(MAX_PATH_TEXT), "a".repeat(MAX_METHOD));
    let call = call();
    let frame = CallFrame {
        path: PathText::Text(&path),
        method: &method,
        payload: &[b'1'; PART],
        ..CallFrame::new(1, &call, 1)
    };
    out.clear();
    frame.write(&mut out).expect("within the bounds");
    assert_eq!(read(&out), Ok(Frame::Call(frame)));
}
