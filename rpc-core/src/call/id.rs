//! Call ids: a session's random number, a sequence in it, and what the session has every answer to.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::service::MethodDescriptor;
use crate::stripes::Striped;

/// The name of one call, the same through every retry and hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallId {
    /// Random per client runtime, which has one for calls that leave records and some for others; knowing it is what entitles to cancel the call.
    pub session: u64,
    /// Its number in the session, from 1, which no other call has.
    pub sequence: u64,
    /// The session has the answer of every call up to this sequence, or will not ask for it again.
    pub acked: u64,
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}-{}", self.session, self.sequence, self.acked)
    }
}

impl CallId {
    /// Longest text of an id: sixteen digits of the session, two numbers of up to twenty, two dashes.
    pub const MAX_TEXT: usize = 16 + 2 * 21;

    /// Appends what `Display` writes, without its machinery: every call that is sent carries it.
    pub fn write(self, text: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |place| DIGITS[(self.session >> (60 - 4 * place) & 0xf) as usize];
        text.extend_from_slice(&std::array::from_fn::<u8, 16, _>(digit));
        for number in [self.sequence, self.acked] {
            text.push(b'-');
            text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        }
    }
}

/// The text is no call id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a call id: it looks like 00c0ffee00c0ffee-7-6 (session in hex, sequence, highest answered sequence)")]
pub struct BadCallId;

impl FromStr for CallId {
    type Err = BadCallId;

    fn from_str(text: &str) -> Result<Self, BadCallId> {
        let (session, numbers) = text.split_at_checked(16).ok_or(BadCallId)?;
        let numbers = numbers.strip_prefix('-').ok_or(BadCallId)?;
        let dash = numbers.bytes().position(|byte| byte == b'-').ok_or(BadCallId)?;
        // Rust's integers would take a plus sign, and refuse any other that is no digit.
        let number =
            |text: &str, radix| if text.starts_with('+') { None } else { u64::from_str_radix(text, radix).ok() };
        let id = Self {
            session: number(session, 16).ok_or(BadCallId)?,
            sequence: number(&numbers[..dash], 10).ok_or(BadCallId)?,
            acked: number(&numbers[dash + 1..], 10).ok_or(BadCallId)?,
        };
        if id.sequence == 0 || id.acked >= id.sequence { Err(BadCallId) } else { Ok(id) }
    }
}

/// The numbering of one client runtime's calls, and which of them are answered.
#[derive(Debug)]
pub struct Session {
    id: u64,
    // Held for an addition or a removal, never across an await.
    numbers: Arc<Mutex<Numbers>>,
    plain: Plain,
}

/// The numbering of calls that leave no record, which are never asked for again: those of some threads each are a session of their own, in which each
/// call says that all before it are answered. A node of another build may record them all the same: it drops each record with the next call.
#[derive(Debug)]
struct Plain {
    seed: u64,
    begun: AtomicU64,
    next: Striped<Option<CallId>>,
}

#[derive(Debug)]
struct Numbers {
    next: u64,
    /// The recorded calls that are under way: no more than there are callers waiting.
    open: BTreeSet<u64>,
}

/// The id of a call that leaves a record at the owner. While it lives, the session acknowledges nothing from this call on; when it
/// drops, with the answer or because the caller has given up, the owner may forget the call.
#[derive(Debug)]
pub struct Numbered {
    id: CallId,
    numbers: Arc<Mutex<Numbers>>,
}

/// A random number from the operating system.
///
/// # Panics
/// When the operating system has no randomness to give, which no supported system does after boot.
pub fn random() -> u64 {
    getrandom::u64().expect("the operating system gives random bytes")
}

/// The number `at` of the sequence that `seed` begins, of which no two are the same: a Weyl sequence through a mixing step (splitmix64). Whoever knows
/// neither the seed nor one of its numbers cannot guess them; whoever knows one can work out the others.
pub(crate) fn mixed(seed: u64, at: u64) -> u64 {
    let word = seed.wrapping_add(at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mixed = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Session {
    /// A session with random numbers from the operating system.
    ///
    /// # Panics
    /// When the operating system has no randomness to give, which no supported system does after boot.
    pub fn new() -> Self {
        Self::of(random(), random())
    }

    /// A session of this number, which nobody else has or can guess; as little can they guess `plain`, from which those are made of calls that leave no record.
    pub fn of(id: u64, plain: u64) -> Self {
        let numbers = Numbers { next: 1, open: BTreeSet::new() };
        let plain = Plain { seed: plain, begun: AtomicU64::new(0), next: Striped::default() };
        Self { id, numbers: Arc::new(Mutex::new(numbers)), plain }
    }

    /// An id that says up to where every call is answered, of a call that leaves no record.
    pub fn next(&self) -> CallId {
        locked(&self.numbers).next(self.id)
    }

    /// The id of the next call that leaves no record: nobody is told when it is answered.
    pub fn plain(&self) -> CallId {
        self.plain.next.with(|next| {
            let id = *next.get_or_insert_with(|| self.plain.begin());
            *next = Some(CallId { sequence: id.sequence + 1, acked: id.sequence, ..id });
            id
        })
    }

    /// The id of the next call, if that leaves a record.
    pub fn open(&self) -> Numbered {
        let mut numbers = locked(&self.numbers);
        let id = numbers.next(self.id);
        numbers.open.insert(id.sequence);
        Numbered { id, numbers: self.numbers.clone() }
    }

    /// Up to where every call is answered.
    pub fn acked(&self) -> u64 {
        locked(&self.numbers).acked()
    }

    /// The id of the next call of `method`, and what must live until it is answered.
    pub fn number(&self, method: &MethodDescriptor) -> (CallId, Option<Numbered>) {
        if !method.is_recorded() {
            return (self.plain(), None);
        }
        let numbered = self.open();
        (numbered.id, Some(numbered))
    }
}

impl Plain {
    /// The first id of a further session.
    fn begin(&self) -> CallId {
        let session = mixed(self.seed, self.begun.fetch_add(1, Ordering::Relaxed));
        CallId { session, sequence: 1, acked: 0 }
    }
}

impl Numbers {
    fn next(&mut self, session: u64) -> CallId {
        let (sequence, acked) = (self.next, self.acked());
        self.next += 1;
        CallId { session, sequence, acked }
    }

    fn acked(&self) -> u64 {
        self.open.first().map_or(self.next, |first| *first) - 1
    }
}

impl Numbered {
    /// The id.
    pub fn id(&self) -> CallId {
        self.id
    }
}

impl Drop for Numbered {
    fn drop(&mut self) {
        locked(&self.numbers).open.remove(&self.id.sequence);
    }
}

fn locked(numbers: &Mutex<Numbers>) -> MutexGuard<'_, Numbers> {
    numbers.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let id = CallId { session: 0xc0ffee, sequence: 7, acked: 6 };
        assert_eq!(id.to_string().parse(), Ok(id));
        for id in [id, CallId { session: u64::MAX, sequence: u64::MAX, acked: 0 }] {
            let mut text = Vec::new();
            id.write(&mut text);
            assert_eq!(text, id.to_string().as_bytes());
            assert!(text.len() <= CallId::MAX_TEXT);
        }
    }

    #[test]
    fn a_session_acknowledges_what_lies_before_its_first_open_call() {
        let session = Session::new();
        assert_eq!((session.next().acked, session.next().acked), (0, 1));
        let (first, second) = (session.open(), session.open());
        assert_eq!((first.id().sequence, first.id().acked, second.id().acked), (3, 2, 2));
        assert_eq!(session.next().acked, 2);
        drop(second);
        assert_eq!(session.next().acked, 2, "the first is still open");
        drop(first);
        assert_eq!((session.acked(), session.next().acked), (6, 6));
    }

    #[test]
    fn calls_without_a_record_have_ids_of_their_own() {
        let session = Session::new();
        let open = session.open();
        let of_thread = || (0..100).map(|_| session.plain()).collect::<Vec<_>>();
        let ids = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(of_thread)).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
        });
        let known: BTreeSet<_> = ids.iter().map(|id| (id.session, id.sequence)).collect();
        assert_eq!(known.len(), ids.len());
        for id in ids {
            assert!(id.session != open.id().session && id.acked + 1 == id.sequence, "{id}");
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "",
            "1-2-1",
            "00c0ffee00c0ffee-0-0",
            "00c0ffee00c0ffee-7-7",
            "00c0ffee00c0ffee-+7-6",
            "00c0ffee00c0ffee-7-6-5",
            "00c0ffee00c0ffee-99999999999999999999-0",
        ] {
            assert_eq!(bad.parse::<CallId>(), Err(BadCallId), "{bad}");
        }
    }
}
