//! The turns of a connection: as many calls as its peer takes at once may be under way, and the others wait in the order in which they came.

use std::collections::{HashSet, VecDeque};
use std::task::Waker;

/// Who may begin a call, and who waits for that. Nobody waits while a turn is free.
#[derive(Debug)]
pub struct Turns {
    free: usize,
    /// By ticket, ascending.
    queue: VecDeque<(u64, Waker)>,
    /// Tickets that have been given a turn, and have not looked since.
    given: HashSet<u64>,
    next: u64,
}

impl Turns {
    /// So many turns, all of them free.
    pub fn new(free: usize) -> Self {
        Self { free, queue: VecDeque::new(), given: HashSet::new(), next: 0 }
    }

    /// Takes a turn; false if none is free.
    pub fn take(&mut self) -> bool {
        let is_free = self.free > 0;
        if is_free {
            self.free -= 1;
        }
        is_free
    }

    /// Waits for a turn, behind all others who do.
    pub fn wait(&mut self, waker: Waker) -> u64 {
        let ticket = self.next;
        self.next += 1;
        self.queue.push_back((ticket, waker));
        ticket
    }

    /// Whether `ticket` has its turn, which is then taken, and the ticket used up; otherwise `waker` is woken when it has.
    pub fn has_come(&mut self, ticket: u64, waker: &Waker) -> bool {
        if self.given.remove(&ticket) {
            return true;
        }
        if let Ok(at) = self.place(ticket) {
            self.queue[at].1.clone_from(waker);
        }
        false
    }

    /// Gives a turn back: to whoever waits longest, who is to be woken.
    pub fn give_back(&mut self) -> Option<Waker> {
        let Some((ticket, waker)) = self.queue.pop_front() else {
            self.free += 1;
            return None;
        };
        self.given.insert(ticket);
        Some(waker)
    }

    /// `ticket` waits no longer. The turn that it may have been given goes to the next one, who is to be woken.
    pub fn leave(&mut self, ticket: u64) -> Option<Waker> {
        if self.given.remove(&ticket) {
            return self.give_back();
        }
        if let Ok(at) = self.place(ticket) {
            self.queue.remove(at);
        }
        None
    }

    /// Everybody who waits, to be woken: there are no turns any more.
    pub fn everybody(&self) -> Vec<Waker> {
        self.queue.iter().map(|(_, waker)| waker.clone()).collect()
    }

    fn place(&self, ticket: u64) -> Result<usize, usize> {
        self.queue.binary_search_by_key(&ticket, |(known, _)| *known)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wait(turns: &mut Turns) -> u64 {
        turns.wait(Waker::noop().clone())
    }

    #[test]
    fn turns_go_to_those_who_wait_in_their_order() {
        let mut turns = Turns::new(1);
        assert!(turns.take() && !turns.take());
        let (a, b, c) = (wait(&mut turns), wait(&mut turns), wait(&mut turns));
        assert!(turns.leave(b).is_none());
        assert!(turns.give_back().is_some());
        assert!(!turns.take(), "it is promised");
        assert!(!turns.has_come(c, Waker::noop()) && turns.has_come(a, Waker::noop()));
        assert!(turns.give_back().is_some());
        let d = wait(&mut turns);
        assert!(turns.leave(c).is_some(), "what the leaver was given goes on");
        assert!(turns.has_come(d, Waker::noop()));
        assert!(turns.give_back().is_none() && turns.take());
    }

    proptest! {
        /// Whoever comes, waits, leaves or gives back, and when: no turn is lost or made.
        #[test]
        fn turns_are_conserved(steps in proptest::collection::vec((0_u8..4, any::<proptest::sample::Index>()), 0..200)) {
            const ALL: usize = 3;
            let (mut turns, mut held, mut waiting) = (Turns::new(ALL), 0, Vec::new());
            for (step, which) in steps {
                match step {
                    0 if turns.take() => held += 1,
                    0 => waiting.push(wait(&mut turns)),
                    1 if held > 0 => {
                        held -= 1;
                        turns.give_back();
                    }
                    2 if !waiting.is_empty() => {
                        turns.leave(waiting.remove(which.index(waiting.len())));
                    }
                    3 if !waiting.is_empty() && turns.has_come(waiting[which.index(waiting.len())], Waker::noop()) => {
                        waiting.remove(which.index(waiting.len()));
                        held += 1;
                    }
                    _ => {}
                }
                prop_assert_eq!(turns.free + held + turns.given.len(), ALL);
                prop_assert!(turns.free == 0 || turns.queue.is_empty(), "nobody waits for what is free");
                prop_assert_eq!(turns.queue.len() + turns.given.len(), waiting.len());
            }
        }
    }
}
