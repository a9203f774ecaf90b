//! What waits to be written to one connection: small frames in order, and large messages piece by piece between them.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::transport::frames::{Fault, FrameKind, LENGTH_BYTES, Of, PART, write_part, write_pong};

/// How much is written at once, in bytes: large messages add no further piece to a batch that has so much.
const BATCH: usize = 128 << 10;

/// Frames on their way out. Encodes pieces; writes nothing.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Whole frames.
    ready: Vec<u8>,
    /// Messages of which pieces are still missing; each in turn adds one.
    large: VecDeque<Large>,
    /// Bytes of them that are still missing.
    missing: usize,
    /// Bytes that were taken in earlier batches.
    taken: u64,
    /// Answers to pings since the last batch was taken.
    pongs: usize,
}

/// Most answers to pings that wait at once: more than one read can ask for, and less than 1 MiB.
const MAX_PONGS: usize = 65_536;

/// What was dropped of a large message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawn {
    /// All of it: nothing has been taken.
    Untouched,
    /// What was left: its beginning has been taken, but not its end.
    Begun,
}

/// A message larger than a piece.
#[derive(Debug)]
struct Large {
    request: u64,
    of: Of,
    /// The whole frame, but for its payload.
    head: Vec<u8>,
    payload: Bytes,
    is_begun: bool,
}

impl Outbox {
    /// Where small frames are encoded to, one behind the other.
    pub fn frames(&mut self) -> &mut Vec<u8> {
        &mut self.ready
    }

    /// Answers a ping.
    ///
    /// # Errors
    /// Too many answers wait: whoever asks does not read them.
    pub fn push_pong(&mut self, token: [u8; 8]) -> Result<(), Fault> {
        if self.pongs >= MAX_PONGS {
            return Err(Fault::Flood { kind: FrameKind::Ping, why: "their answers are not read" });
        }
        self.pongs += 1;
        write_pong(&mut self.ready, token);
        Ok(())
    }

    /// Adds a message. `write` appends its frame with the payload that it is given, which stands at the end of the frame: the whole one, or
    /// none, which then follows in parts.
    ///
    /// # Errors
    /// What `write` says; nothing is added then.
    pub fn push<E>(
        &mut self,
        (of, request): (Of, u64),
        payload: &Bytes,
        write: impl FnOnce(&mut Vec<u8>, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if payload.len() <= PART {
            return write(&mut self.ready, payload);
        }
        let mut head = Vec::new();
        write(&mut head, &[])?;
        self.missing += payload.len();
        self.large.push_back(Large { request, of, head, payload: payload.clone(), is_begun: false });
        Ok(())
    }

    /// What is to be written next; empty if there is nothing. `spare` is an empty buffer to go on with.
    pub fn take(&mut self, spare: Vec<u8>) -> Vec<u8> {
        for _ in 0..self.large.len() {
            if self.ready.len() >= BATCH {
                break;
            }
            self.add_piece();
        }
        let batch = std::mem::replace(&mut self.ready, spare);
        self.taken += batch.len() as u64;
        self.pongs = 0;
        batch
    }

    /// A piece of the message whose turn it is.
    fn add_piece(&mut self) {
        let Some(mut large) = self.large.pop_front() else { return };
        large.is_begun = true;
        if large.payload.len() <= PART {
            let at = self.ready.len();
            self.ready.extend_from_slice(&large.head);
            complete(&mut self.ready, at, &large.payload);
            self.missing -= large.payload.len();
            return;
        }
        let piece = large.payload.split_to(PART);
        self.missing -= piece.len();
        write_part(&mut self.ready, large.request, large.of, &piece);
        self.large.push_back(large);
    }

    /// Drops what is left of a large message; `None` if nothing is.
    pub fn withdraw(&mut self, of: Of, request: u64) -> Option<Withdrawn> {
        let at = self.large.iter().position(|large| (large.of, large.request) == (of, request))?;
        let large = self.large.remove(at)?;
        self.missing -= large.payload.len();
        Some(if large.is_begun { Withdrawn::Begun } else { Withdrawn::Untouched })
    }

    /// Whether at least the end of a large message still waits, without which nobody can read it.
    pub fn holds(&self, of: Of, request: u64) -> bool {
        self.large.iter().any(|large| (large.of, large.request) == (of, request))
    }

    /// Gives memory back that is kept for more to come.
    pub fn shrink(&mut self) {
        self.ready.shrink_to_fit();
        self.large.shrink_to_fit();
    }

    /// Drops everything that waits.
    pub fn clear(&mut self) {
        self.ready = Vec::new();
        self.large = VecDeque::new();
        self.missing = 0;
        self.pongs = 0;
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.large.is_empty()
    }

    /// Bytes that wait.
    pub fn waiting(&self) -> usize {
        self.ready.len() + self.missing
    }

    /// How many bytes of frames were put in so far, whether taken or not: where the next frame begins in the stream, large messages
    /// aside.
    pub fn position(&self) -> u64 {
        self.taken + self.ready.len() as u64
    }
}

/// Adds `payload` to the frame that begins at `at` and ends the buffer.
fn complete(buffer: &mut Vec<u8>, at: usize, payload: &[u8]) {
    buffer.extend_from_slice(payload);
    let length = u32::try_from(buffer.len() - at - LENGTH_BYTES).unwrap_or(u32::MAX);
    if let Some(prefix) = buffer.get_mut(at..at + LENGTH_BYTES) {
        prefix.copy_from_slice(&length.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_MESSAGE;
    use crate::transport::frames::{Frame, MAX_FRAME, Next, Parts, next, write_ping, write_reply};

    fn push(outbox: &mut Outbox, request: u64, value: Vec<u8>) {
        let pushed = outbox.push((Of::Answer, request), &value.into(), |out, value| {
            write_reply(out, request, false, &[], value);
            Ok::<(), ()>(())
        });
        assert_eq!(pushed, Ok(()));
    }

    #[test]
    fn small_frames_overtake_large_messages_which_arrive_whole() {
        let mut outbox = Outbox::default();
        let large: Vec<u8> = (0..3 * BATCH).map(|n| (n % 251) as u8).collect();
        push(&mut outbox, 1, large.clone());
        push(&mut outbox, 2, large.clone());
        push(&mut outbox, 3, b"small".to_vec());
        let (mut parts, mut order, mut bytes) = (Parts::new(MAX_MESSAGE, 4), Vec::new(), 0);
        while !outbox.is_empty() {
            assert!(outbox.waiting() > 0);
            let batch = outbox.take(Vec::new());
            assert!(batch.len() < BATCH + 2 * PART);
            bytes += batch.len() as u64;
            write_ping(outbox.frames(), [1; 8]);
            let mut rest = &batch[..];
            while let Next::Whole { frame, consumed } = next(rest, MAX_FRAME).expect("a frame") {
                match frame {
                    Frame::Part { request, of, bytes } => parts.add(of, request, bytes).expect("room"),
                    Frame::Reply { request, value, .. } => {
                        let whole = parts.finish(Of::Answer, request, value).expect("within its bounds");
                        order.push((request, whole.unwrap_or_else(|| value.to_vec())));
                    }
                    _ => {}
                }
                rest = &rest[consumed..];
            }
            if order.len() == 3 {
                outbox.clear();
            }
        }
        assert_eq!(order, [(3, b"small".to_vec()), (1, large.clone()), (2, large)]);
        assert!(outbox.position() >= bytes);
    }

    #[test]
    fn what_is_withdrawn_says_whether_any_of_it_can_have_been_sent() {
        let mut outbox = Outbox::default();
        push(&mut outbox, 1, vec![1; 2 * PART]);
        push(&mut outbox, 2, vec![1; 2 * PART]);
        assert!(outbox.holds(Of::Answer, 2) && !outbox.holds(Of::Call, 2));
        assert_eq!(outbox.withdraw(Of::Answer, 2), Some(Withdrawn::Untouched));
        assert_eq!(outbox.withdraw(Of::Answer, 2), None);
        let _piece = outbox.take(Vec::new());
        assert!(outbox.holds(Of::Answer, 1), "nobody can read it without its end");
        assert_eq!(outbox.withdraw(Of::Answer, 1), Some(Withdrawn::Begun));
        assert!(outbox.is_empty() && outbox.waiting() == 0);
    }

    #[test]
    fn answers_to_pings_that_nobody_reads_are_bounded() {
        let mut outbox = Outbox::default();
        for _ in 0..MAX_PONGS {
            outbox.push_pong([7; 8]).expect("not yet too many");
        }
        assert!(matches!(outbox.push_pong([7; 8]), Err(Fault::Flood { .. })));
        let _written = outbox.take(Vec::new());
        outbox.push_pong([7; 8]).expect("they are read again");
    }
}
