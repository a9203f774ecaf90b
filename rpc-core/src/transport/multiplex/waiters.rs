//! The callers that wait for replies on one connection, each under the number of its request.
//!
//! A slab: a request's number is a place in it and how often that place was used before, so that a reply finds its caller without a
//! search, and one that comes too late finds nobody.

use std::task::Waker;

/// The requests that are open.
#[derive(Debug)]
pub struct Waiters<T> {
    places: Vec<Place<T>>,
    /// Places that are free, the last used first: its memory is still warm.
    free: Vec<u32>,
    /// How often answers were read, of which each time brings some.
    reads: u32,
    /// How many of those who were woken by the last read have not come since.
    fresh: usize,
}

#[derive(Debug)]
struct Place<T> {
    /// How often it was used before.
    uses: u32,
    state: State<T>,
}

#[derive(Debug)]
enum State<T> {
    Free,
    Waiting {
        waker: Option<Waker>,
        reaches: u64,
        is_old: bool,
    },
    /// By this read, if somebody was woken for it.
    Answered(T, Option<u32>),
}

/// How it stands with a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Look<T> {
    /// Here is what it came to; its number is free again.
    Answered(T),
    /// It waits; `is_old` once [`Waiters::grow_old`] has named it.
    Waiting {
        /// Since two ticks at least.
        is_old: bool,
    },
}

/// A number that was never given to a request.
#[derive(Debug, PartialEq, Eq)]
pub struct NeverSent;

impl<T> Default for Waiters<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new(), reads: 0, fresh: 0 }
    }
}

impl<T> Waiters<T> {
    /// A number for a request; `waker` is woken when it is known what it came to.
    pub fn open(&mut self, waker: Option<Waker>) -> u64 {
        let state = State::Waiting { waker, reaches: 0, is_old: false };
        if let Some(place) = self.free.pop() {
            let used = &mut self.places[place as usize];
            used.state = state;
            return number(place, used.uses);
        }
        let place = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push(Place { uses: 0, state });
        number(place, 0)
    }

    /// Notes that nobody can have read `request` before so many bytes of the stream were written.
    pub fn reaches(&mut self, request: u64, bytes: u64) {
        if let Some(Place { state: State::Waiting { reaches, .. }, .. }) = self.of(request) {
            *reaches = bytes;
        }
    }

    /// How many requests are open.
    pub fn count(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// What `request` came to; otherwise `waker` is woken when it is known.
    pub fn look(&mut self, request: u64, waker: &Waker) -> Option<Look<T>> {
        let place = self.of(request)?;
        if let State::Waiting { waker: known, is_old, .. } = &mut place.state {
            match known {
                Some(known) => known.clone_from(waker),
                None => *known = Some(waker.clone()),
            }
            return Some(Look::Waiting { is_old: *is_old });
        }
        self.close(request).map(Look::Answered)
    }

    /// Answers `request`, and gives whom to wake. Nobody may wait any more: the caller has given up, or was answered.
    ///
    /// # Errors
    /// [`NeverSent`], for which there is no honest reason.
    pub fn answer(&mut self, request: u64, answer: T) -> Result<Option<Waker>, NeverSent> {
        let (at, uses) = parts(request);
        let place = self.places.get_mut(at as usize).filter(|place| was_used(place.uses, uses)).ok_or(NeverSent)?;
        if place.uses != uses || !matches!(place.state, State::Waiting { .. }) {
            return Ok(None);
        }
        let State::Waiting { waker, .. } = &mut place.state else { return Ok(None) };
        let waker = waker.take();
        self.fresh += usize::from(waker.is_some());
        place.state = State::Answered(answer, waker.is_some().then_some(self.reads));
        Ok(waker)
    }

    /// Answers are read, and those who wait for them woken.
    pub fn begin_read(&mut self) {
        self.reads = self.reads.wrapping_add(1);
        self.fresh = 0;
    }

    /// How many of those who were woken since [`begin_read`](Self::begin_read) are still to come for their answers.
    pub fn fresh(&self) -> usize {
        self.fresh
    }

    /// Whether somebody waits for `request`.
    ///
    /// # Errors
    /// [`NeverSent`].
    pub fn is_waiting(&self, request: u64) -> Result<bool, NeverSent> {
        let (at, uses) = parts(request);
        let place = self.places.get(at as usize).filter(|place| was_used(place.uses, uses)).ok_or(NeverSent)?;
        Ok(place.uses == uses && matches!(place.state, State::Waiting { .. }))
    }

    /// Nobody waits for `request` any more. Its answer, if it is there.
    pub fn close(&mut self, request: u64) -> Option<T> {
        let place = self.of(request)?;
        let state = std::mem::replace(&mut place.state, State::Free);
        place.uses = place.uses.wrapping_add(1);
        self.free.push(parts(request).0);
        match state {
            State::Answered(answer, read) => {
                if read == Some(self.reads) {
                    self.fresh = self.fresh.saturating_sub(1);
                }
                Some(answer)
            }
            State::Free | State::Waiting { .. } => None,
        }
    }

    /// Says that `request` has waited for long, and gives whom to wake; nothing if it is answered.
    pub fn grow_old(&mut self, request: u64) -> Option<Waker> {
        match &mut self.of(request)?.state {
            State::Waiting { waker, is_old, .. } => {
                *is_old = true;
                waker.clone()
            }
            State::Free | State::Answered(..) => None,
        }
    }

    /// Answers all that wait by what `answer` makes of its number and [reach](Self::reaches), and gives whom to wake.
    pub fn answer_all(&mut self, mut answer: impl FnMut(u64, u64) -> T) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for (at, place) in (0..).zip(&mut self.places) {
            if let State::Waiting { waker, reaches, .. } = &mut place.state {
                let (waker, reaches) = (waker.take(), *reaches);
                place.state = State::Answered(answer(number(at, place.uses), reaches), None);
                wakers.extend(waker);
            }
        }
        wakers
    }

    fn of(&mut self, request: u64) -> Option<&mut Place<T>> {
        let (at, uses) = parts(request);
        let is_open = |place: &&mut Place<T>| place.uses == uses && !matches!(place.state, State::Free);
        self.places.get_mut(at as usize).filter(is_open)
    }
}

/// Whether a place that was used `now` times has had this use. The count wraps after 2^32 uses, hours of a lone busy caller: what is less than
/// half of them behind has been, whichever number is larger.
fn was_used(now: u32, uses: u32) -> bool {
    now.wrapping_sub(uses) <= u32::MAX / 2
}

/// The place below, the uses above: numbers are small as long as a connection is young.
fn number(place: u32, uses: u32) -> u64 {
    u64::from(uses) << 32 | u64::from(place)
}

fn parts(request: u64) -> (u32, u32) {
    (request as u32, (request >> 32) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(waiters: &mut Waiters<&'static str>, request: u64) -> Option<Look<&'static str>> {
        waiters.look(request, Waker::noop())
    }

    #[test]
    fn a_reply_finds_its_caller_and_frees_its_place() {
        let mut waiters = Waiters::default();
        let (a, b) = (waiters.open(None), waiters.open(None));
        assert_eq!(answered(&mut waiters, a), Some(Look::Waiting { is_old: false }));
        assert!(waiters.answer(a, "a").expect("sent").is_some());
        assert!(waiters.answer(b, "b").expect("sent").is_none(), "nobody has looked yet");
        assert_eq!(answered(&mut waiters, b), Some(Look::Answered("b")));
        assert_eq!(answered(&mut waiters, a), Some(Look::Answered("a")));
        assert_eq!((waiters.count(), answered(&mut waiters, a)), (0, None));
    }

    #[test]
    fn a_late_reply_reaches_nobody_who_came_after() {
        let mut waiters = Waiters::default();
        let a = waiters.open(None);
        assert_eq!(waiters.close(a), None);
        let b = waiters.open(None);
        assert_ne!(a, b);
        assert!(waiters.answer(a, "late").expect("sent once").is_none());
        assert_eq!(answered(&mut waiters, b), Some(Look::Waiting { is_old: false }));
        assert!(waiters.answer(b, "b").expect("sent").is_some());
        assert!(waiters.answer(b, "twice").expect("sent").is_none());
        assert_eq!(answered(&mut waiters, b), Some(Look::Answered("b")));
        assert_eq!(waiters.answer(1, "of no place").err(), Some(NeverSent));
        assert_eq!(waiters.answer(7 << 32, "of a later use").err(), Some(NeverSent));
    }

    #[test]
    fn the_end_answers_each_that_waits_once() {
        let mut waiters = Waiters::default();
        let (a, b, c) = (waiters.open(None), waiters.open(None), waiters.open(None));
        waiters.reaches(c, 9);
        assert!(waiters.answer(b, "b").is_ok());
        assert!(waiters.grow_old(a).is_none() && waiters.grow_old(b).is_none());
        assert_eq!(answered(&mut waiters, a), Some(Look::Waiting { is_old: true }));
        let woken =
            waiters.answer_all(|request, reaches| if (request, reaches) == (c, 9) { "lost c" } else { "lost a" });
        assert_eq!(woken.len(), 1, "only one has looked");
        assert_eq!(answered(&mut waiters, a), Some(Look::Answered("lost a")));
        assert_eq!(answered(&mut waiters, b), Some(Look::Answered("b")));
        assert_eq!(answered(&mut waiters, c), Some(Look::Answered("lost c")));
    }

    #[test]
    fn those_whom_a_read_woke_are_counted_until_they_come_or_go() {
        let mut waiters = Waiters::default();
        let [a, b, c, d] = [(); 4].map(|()| waiters.open(Some(Waker::noop().clone())));
        let unseen = waiters.open(None);
        waiters.begin_read();
        for request in [a, b, unseen] {
            assert!(waiters.answer(request, "x").is_ok());
        }
        assert_eq!(waiters.fresh(), 2, "nobody was woken for the third");
        assert_eq!(answered(&mut waiters, a), Some(Look::Answered("x")));
        assert_eq!(waiters.fresh(), 1);
        waiters.begin_read();
        assert!(waiters.answer(c, "x").is_ok() && waiters.answer(d, "x").is_ok());
        assert_eq!(waiters.close(b), Some("x"));
        assert_eq!(waiters.fresh(), 2, "an earlier read's does not count");
        assert_eq!((waiters.close(c), waiters.fresh()), (Some("x"), 1));
        waiters.answer_all(|_, _| "lost");
        assert_eq!((answered(&mut waiters, d), waiters.fresh()), (Some(Look::Answered("x")), 0));
    }

    #[test]
    fn a_place_goes_on_when_its_uses_have_wrapped() {
        let mut waiters = Waiters::default();
        let first = waiters.open(None);
        waiters.places[0].uses = u32::MAX;
        let last = number(0, u32::MAX);
        assert_eq!(waiters.close(last), None);
        let next = waiters.open(None);
        assert_eq!((next, first), (0, 0), "the count has wrapped");
        assert!(waiters.answer(last, "late").expect("was sent before the wrap").is_none());
        assert_eq!(waiters.is_waiting(last), Ok(false));
        assert!(waiters.answer(next, "next").is_ok());
        assert_eq!(answered(&mut waiters, next), Some(Look::Answered("next")));
        assert_eq!(waiters.answer(number(0, 7), "of a later use").err(), Some(NeverSent));
    }
}
