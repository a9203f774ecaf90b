//! Reads the frame at the beginning of a buffer.

use super::body::Body;
use super::call::{COMPACT, CallFrame};
use super::parts::Of;
use super::runs::Runs;
use super::streams::FAILED;
use super::write::COVERED;
use super::{Fault, Frame, FrameKind, LENGTH_BYTES, MAX_REASON, PART, Wrong};

/// What stands at the beginning of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// A whole frame.
    Whole {
        /// The frame.
        frame: Frame<'a>,
        /// How many bytes it takes with its length: where the next one begins.
        consumed: usize,
    },
    /// The beginning of a frame, or nothing.
    Short {
        /// How many bytes are missing at least: never more than the reader's limit. A reader may reserve them, but a peer that declares them
        /// need not send them: better little by little.
        missing: usize,
    },
}

/// Reads the frame at the beginning of `bytes`; `max_frame` is the longest taken, in bytes without its length. The same bytes give the
/// same frames however they are cut up on their way. Nothing is allocated but the words of some faults.
///
/// # Errors
/// The bytes are no frame, or will never be one: a length, or a kind, that is not taken is refused as soon as it is there.
pub fn next(bytes: &[u8], max_frame: usize) -> Result<Next<'_>, Fault> {
    let Some((length, behind)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
        return Ok(Next::Short { missing: LENGTH_BYTES + 1 - bytes.len() });
    };
    let declared = u32::from_le_bytes(*length);
    let length = declared as usize;
    if length == 0 || length > max_frame {
        return Err(not_taken(bytes, declared, max_frame));
    }
    let Some((&number, _)) = behind.split_first() else {
        return Ok(Next::Short { missing: length });
    };
    let kind = FrameKind::of(number).ok_or_else(|| foreign(bytes).unwrap_or(Fault::UnknownKind(number)))?;
    let most = kind.most(max_frame);
    if length > most {
        return Err(Fault::TooLong { kind: Some(kind), declared, most });
    }
    match behind.get(1..length) {
        Some(fields) => Ok(Next::Whole { frame: frame(kind, fields)?, consumed: LENGTH_BYTES + length }),
        None => Ok(Next::Short { missing: length - behind.len() }),
    }
}

/// How many bytes at the beginning of `bytes` are whole frames, as far as their lengths say: what [`next`] then reads one by one. What is left is
/// the beginning of a frame, or nothing.
///
/// # Errors
/// A length that is not taken, and whatever is wrong with the frame of which only the beginning is there. What is wrong inside of whole frames,
/// reading them shows.
pub fn whole(bytes: &[u8], max_frame: usize) -> Result<usize, Fault> {
    let mut whole = 0;
    loop {
        let rest = &bytes[whole..];
        let end = rest.first_chunk().map(|length| LENGTH_BYTES.saturating_add(u32::from_le_bytes(*length) as usize));
        match end {
            Some(end) if (LENGTH_BYTES + 1..=LENGTH_BYTES + max_frame).contains(&end) && end <= rest.len() => {
                whole += end;
            }
            _ => {
                // The rest is no whole frame, or one of a length that is not taken.
                next(rest, max_frame)?;
                return Ok(whole);
            }
        }
    }
}

/// Takes a whole failure's payload apart: what the error's `Display` says, and the encoded error.
///
/// # Errors
/// It is no such payload.
pub fn read_failure(payload: &[u8]) -> Result<(&str, &[u8]), Fault> {
    let mut body = Body::new(FrameKind::Failure, payload);
    // An error may have nothing to say.
    if payload.first() == Some(&0) {
        return Ok(("", &payload[1..]));
    }
    let message = body.text("message", payload.len())?;
    Ok((message, body.rest()))
}

#[cold]
fn not_taken(bytes: &[u8], declared: u32, most: usize) -> Fault {
    let fault = if declared == 0 { Fault::Empty } else { Fault::TooLong { kind: None, declared, most } };
    foreign(bytes).unwrap_or(fault)
}

/// What else might have been meant, for people who look for the reason: bytes that are no frame, and begin as something known.
#[cold]
fn foreign(bytes: &[u8]) -> Option<Fault> {
    match bytes {
        [0x16, 0x03, ..] => Some(Fault::Foreign("TLS")),
        [b'A'..=b'Z', b'A'..=b'Z', b'A'..=b'Z', b'A'..=b'Z' | b' ', ..] => Some(Fault::Foreign("plain HTTP")),
        _ => None,
    }
}

fn frame(kind: FrameKind, fields: &[u8]) -> Result<Frame<'_>, Fault> {
    let mut body = Body::new(kind, fields);
    match kind {
        FrameKind::Hello => Ok(Frame::Hello(fields)),
        FrameKind::GoAway => Ok(Frame::GoAway(fields)),
        FrameKind::Call => CallFrame::read(body).map(Frame::Call),
        FrameKind::Ping => exactly(body, |body| body.fixed("bytes").map(Frame::Ping)),
        FrameKind::Pong => exactly(body, |body| body.fixed("bytes").map(Frame::Pong)),
        FrameKind::Bye => bye(body),
        FrameKind::Reply => {
            let request = body.number("request id")?;
            let flags = body.flags(COVERED | COMPACT)?;
            let covered = if flags & COVERED != 0 { Runs::read(&mut body)? } else { Runs::default() };
            Ok(Frame::Reply { request, compact: flags & COMPACT != 0, covered, value: body.rest() })
        }
        FrameKind::Failure => {
            let request = body.number("request id")?;
            let compact = body.flags(COMPACT)? != 0;
            Ok(Frame::Failure { request, compact, payload: body.rest() })
        }
        FrameKind::Error => Ok(Frame::Error { request: body.number("request id")?, record: body.rest() }),
        FrameKind::Cancel => exactly(body, |body| Ok(Frame::Cancel { request: body.number("request id")? })),
        FrameKind::Part => part(body),
        FrameKind::Window => exactly(body, |body| {
            Ok(Frame::Window { request: body.number("request id")?, credit: body.number("credit")? })
        }),
        FrameKind::StreamBegin => exactly(body, |body| Ok(Frame::StreamBegin { request: body.number("request id")? })),
        FrameKind::StreamItem => {
            let request = body.number("request id")?;
            let flags = body.flags(FAILED | COMPACT)?;
            let (failed, compact) = (flags & FAILED != 0, flags & COMPACT != 0);
            Ok(Frame::StreamItem { request, failed, compact, item: body.rest() })
        }
        FrameKind::StreamEnd => stream_end(body),
    }
}

/// A frame of a fixed shape: nothing may be left of it.
#[inline]
fn exactly<'a>(
    mut body: Body<'a>,
    read: impl FnOnce(&mut Body<'a>) -> Result<Frame<'a>, Fault>,
) -> Result<Frame<'a>, Fault> {
    let frame = read(&mut body)?;
    body.end()?;
    Ok(frame)
}

fn part(mut body: Body<'_>) -> Result<Frame<'_>, Fault> {
    let request = body.number("request id")?;
    let number = body.byte("message")?;
    let of = Of::numbered(number).ok_or_else(|| body.fault("message", Wrong::OutOfRange(number.into())))?;
    let bytes = body.rest();
    // An empty part would cost its sender nothing and bring the message no further.
    if !(1..=PART).contains(&bytes.len()) {
        return Err(body.fault("piece", Wrong::Length { length: bytes.len() as u64, most: PART }));
    }
    Ok(Frame::Part { request, of, bytes })
}

fn stream_end(mut body: Body<'_>) -> Result<Frame<'_>, Fault> {
    let request = body.number("request id")?;
    match body.byte("outcome")? {
        0 => exactly(body, |_| Ok(Frame::StreamEnd { request, error: None })),
        1 => Ok(Frame::StreamEnd { request, error: Some(body.rest()) }),
        other => Err(body.fault("outcome", Wrong::OutOfRange(other.into()))),
    }
}

fn bye(mut body: Body<'_>) -> Result<Frame<'_>, Fault> {
    let code = body.byte("code")?.into();
    let length = body.left();
    if length > MAX_REASON {
        return Err(body.fault("reason", Wrong::Length { length: length as u64, most: MAX_REASON }));
    }
    let reason = str::from_utf8(body.rest()).map_err(|_| body.fault("reason", Wrong::NotText))?;
    Ok(Frame::Bye { code, reason })
}
