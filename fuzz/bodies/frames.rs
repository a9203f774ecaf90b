//! What holds of any bytes that a peer may send instead of frames. Shared by the fuzz target and a property test, so that every
//! run of the tests exercises it.

use rpc_core::call::Path;
use rpc_core::transport::frames::{Fault, Frame, GoAway, Hello, MAX_FRAME, Next, PathText, next, read_failure};

/// Reads the bytes as frames, at once and byte by byte; panics if these differ, or if a frame is written again as other bytes.
pub(crate) fn decode(bytes: &[u8]) {
    let mut rest = bytes;
    loop {
        let verdict = next(rest, MAX_FRAME);
        arrives_alike(rest, &verdict);
        let Ok(Next::Whole { frame, consumed }) = verdict else { break };
        let mut again = Vec::new();
        frame.write(&mut again).expect("what was read can be written");
        assert_eq!(again, rest[..consumed], "{frame:?}");
        look_into(frame);
        rest = &rest[consumed..];
    }
}

/// The verdict on a frame's first bytes is `Short` up to some point, and the same from there on.
fn arrives_alike(bytes: &[u8], verdict: &Result<Next<'_>, Fault>) {
    let end = match verdict {
        Ok(Next::Whole { consumed, .. }) => *consumed,
        _ => bytes.len().min(64),
    };
    let mut known = false;
    for length in 0..=end {
        match next(&bytes[..length], MAX_FRAME) {
            Ok(Next::Short { missing }) => assert!(!known && (1..=MAX_FRAME + 4).contains(&missing)),
            early => {
                known = true;
                assert_eq!(&early, verdict);
            }
        }
    }
}

fn look_into(frame: Frame<'_>) {
    match frame {
        Frame::Hello(json) => {
            if let Ok(hello) = Hello::parse(json) {
                let _ = hello.check(&Hello::new(MAX_FRAME, 1));
            }
        }
        Frame::GoAway(json) => drop(GoAway::parse(json)),
        Frame::Call(call) => {
            if let PathText::Text(text) = call.path {
                let _ = Path::parse(text);
            }
        }
        Frame::Reply { covered, .. } => assert_eq!(covered.iter().count(), covered.len()),
        Frame::Failure { payload, .. } => drop(read_failure(payload)),
        _ => {}
    }
}
