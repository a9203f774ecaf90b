//! Authority: the right of one incarnation to execute, and when it ends.
//!
//! Every third of D a node writes its beat, if no fence names it. Authority then lasts until the moment at which that beat was
//! *sent*, plus D: whoever sees the beat knows that it was sent before, and so when the authority has ended at the latest.
//! Liveness (a lease) is another matter and gives no right to anything.

use std::sync::Arc;
use std::time::Duration;

use super::records::{Beat, Incarnation, META, Meta, beat_key, fence_key, read, write};
use crate::coordinator::{Compare, CoordinatorError, Entry, Op, Revision, Txn, TxnOutcome};
use crate::node::NodeId;

/// How long a node's record stays without a sign of life.
pub const LEASE: Duration = Duration::from_secs(5);

/// D: how long authority lasts after the beat that gave it was sent. Below [`LEASE`], so that a node that nobody hears has lost
/// its right before anybody misses it, and a failover seldom has anything left to wait for.
pub const AUTHORITY: Duration = Duration::from_secs(4);

/// How far the rates of two nodes' clocks may lie apart from true time, in percent. Quartz stays a hundred times below it.
pub const DRIFT_PERCENT: u32 = 1;

/// Beats within one D. Were two of them lost, the third would be sent at the moment at which authority ends: so one that failed is not waited out.
pub const BEATS_PER_AUTHORITY: u32 = 3;

/// Beats that fail at once are tried again so many times between two regular ones: often enough that authority outlives a connection that
/// broke, seldom enough for a coordinator that has just come back to a thousand nodes.
const TRIES_PER_BEAT: u32 = 4;

/// The times on which the protocols rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timing {
    lease: Duration,
    authority: Duration,
    drift_percent: u32,
}

/// Times that contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTiming {
    /// Authority would outlast the lease.
    #[error("the authority, with the drift of clocks, must end before the lease does")]
    AuthorityOutlastsLease,
    /// Nothing can be beaten or waited for within so little.
    #[error("an authority below 30 ms leaves no time for a beat")]
    TooShort,
    /// Clocks as bad as that cannot be reckoned with.
    #[error("a drift of more than 10 % is not a clock's")]
    TooMuchDrift,
}

impl Default for Timing {
    fn default() -> Self {
        Self { lease: LEASE, authority: AUTHORITY, drift_percent: DRIFT_PERCENT }
    }
}

impl Timing {
    /// Times of one's own; the same on every node of a cluster.
    ///
    /// # Errors
    /// [`BadTiming`] when they contradict each other.
    pub fn new(lease: Duration, authority: Duration, drift_percent: u32) -> Result<Self, BadTiming> {
        let timing = Self { lease, authority, drift_percent };
        if drift_percent > 10 {
            return Err(BadTiming::TooMuchDrift);
        }
        if authority < Duration::from_millis(30) {
            return Err(BadTiming::TooShort);
        }
        if timing.outlasts() >= lease {
            return Err(BadTiming::AuthorityOutlastsLease);
        }
        Ok(timing)
    }

    /// The lease of a node's record.
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// D.
    pub fn authority(&self) -> Duration {
        self.authority
    }

    /// From one beat to the next.
    pub fn beat_every(&self) -> Duration {
        self.authority / BEATS_PER_AUTHORITY
    }

    /// D(1+2ρ): what passes on my clock, at the most, while D passes on another's.
    pub fn outlasts(&self) -> Duration {
        self.authority + self.authority * (2 * self.drift_percent) / 100
    }

    /// One lease and one D: after so much, whoever is alive and can reach the coordinator has been heard of again.
    pub fn window(&self) -> Duration {
        self.lease + self.authority
    }
}

/// Where one incarnation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// No beat has been written yet.
    NotYet,
    /// It may execute, until then on its own clock.
    Held {
        /// The first moment at which it may not.
        until: Duration,
    },
    /// It may not execute; the next beat may change that. State is kept.
    Lapsed,
    /// Never again, as this incarnation: drop all state and start over as a new one.
    Fenced,
    /// The cluster is not the one that was joined: execute nothing, write nothing, and say so.
    Stopped(Stop),
}

/// Why a node stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// The cluster's own record is gone: the coordinator's data was wiped.
    MetaMissing,
    /// The cluster's own record was written anew: this is another cluster, or one restored from a backup.
    MetaChanged,
    /// The coordinator says that its data is not what it was.
    CoordinatorChanged,
}

/// The machine that keeps one incarnation's authority. The driver runs what [`due`](Self::due) gives, tells what came of it, and
/// reads [`until`](Self::until) after either.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    timing: Timing,
    id: NodeId,
    incarnation: Incarnation,
    cluster: Arc<str>,
    meta: Revision,
    state: State,
    beats: u64,
    /// When the last beat was sent.
    last: Duration,
    next: Duration,
}

/// A beat to be written now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// When it is sent, on this node's clock.
    pub sent: Duration,
    /// The transaction.
    pub txn: Txn,
}

impl Authority {
    /// The authority of `incarnation`, which has joined this cluster, whose `meta` was written by this revision.
    pub fn new(timing: Timing, id: NodeId, incarnation: Incarnation, cluster: &str, meta: Revision) -> Self {
        let cluster = cluster.into();
        let (last, next) = (Duration::ZERO, Duration::ZERO);
        Self { timing, id, incarnation, cluster, meta, state: State::NotYet, beats: 0, last, next }
    }

    /// Where it stands at `now`.
    pub fn state(&self, now: Duration) -> State {
        match self.state {
            State::Held { until } if until <= now => State::Lapsed,
            state => state,
        }
    }

    /// The first moment without authority, if there is any; it may have passed. It grows with beats and ends with a fence.
    pub fn until(&self) -> Option<Duration> {
        if let State::Held { until } = self.state { Some(until) } else { None }
    }

    /// Whether it may execute at `now`.
    pub fn is_held(&self, now: Duration) -> bool {
        self.until().is_some_and(|until| now < until)
    }

    /// How long an answer to a beat is of use: a later one gives nothing.
    pub fn patience(&self) -> Duration {
        self.timing.authority
    }

    /// When the next beat is due; `None` if there will be none.
    pub fn next_beat(&self) -> Option<Duration> {
        (!self.is_over()).then_some(self.next)
    }

    /// The beat that is to be written now, if one is due. A new one is due a third of D later, or soon after this one has failed.
    pub fn due(&mut self, now: Duration) -> Option<Claim> {
        if self.is_over() || now < self.next {
            return None;
        }
        (self.last, self.next) = (now, now + self.timing.beat_every());
        self.beats += 1;
        let beat = Beat { incarnation: self.incarnation, beat: self.beats };
        let fence = fence_key(self.incarnation);
        let txn = Txn {
            compares: vec![Compare::Absent(fence.clone()), Compare::Unchanged(META.to_owned(), self.meta)],
            ops: vec![Op::Put { key: beat_key(&self.id), value: write(&beat), lease: None }],
            reads: vec![META.to_owned(), fence],
        };
        Some(Claim { sent: now, txn })
    }

    /// What came of the beat sent at `sent`, heard at `now`. Answers may come late and out of order. An unknown outcome gives nothing: if the beat
    /// was written all the same, others only wait longer than they had to. Nor does a beat that another cluster's coordinator took:
    /// every new store writes its `meta` first, so that the revisions of two of them are alike, and only what it says tells them apart.
    pub fn answered(&mut self, sent: Duration, now: Duration, answer: Result<&TxnOutcome, &CoordinatorError>) {
        if self.is_over() {
            return;
        }
        match answer {
            Ok(outcome) => match self.judge(outcome) {
                Some(over) => self.state = over,
                None if outcome.applied => {
                    let until = (sent + self.timing.authority).max(self.until().unwrap_or_default());
                    self.state = State::Held { until };
                }
                // Refused for no reason that can be seen: nothing is known, and so nothing gained.
                None => {}
            },
            Err(CoordinatorError::Changed(_)) => self.state = State::Stopped(Stop::CoordinatorChanged),
            // The latest of them: what becomes of older ones matters no more.
            Err(_) if sent == self.last => {
                self.next = self.next.min(now + self.timing.beat_every() / TRIES_PER_BEAT);
            }
            Err(_) => {}
        }
    }

    /// The node has read elsewhere that it is fenced.
    pub fn fenced(&mut self) {
        if !self.is_over() {
            self.state = State::Fenced;
        }
    }

    /// What ends this authority for ever, if the outcome of a beat tells of it.
    fn judge(&self, outcome: &TxnOutcome) -> Option<State> {
        let read = |key: &str| outcome.reads.iter().find(|entry| entry.key == key);
        match (read(META), read(&fence_key(self.incarnation))) {
            // Of another cluster not even a fence says anything.
            (Some(meta), _) if !self.is_ours(meta) => Some(State::Stopped(Stop::MetaChanged)),
            (_, Some(_fence)) => Some(State::Fenced),
            (None, None) => Some(State::Stopped(Stop::MetaMissing)),
            (Some(_), None) => None,
        }
    }

    fn is_ours(&self, meta: &Entry) -> bool {
        let says_so = || read::<Meta>(&meta.value).is_ok_and(|meta| meta.cluster == *self.cluster);
        meta.revision == self.meta && says_so()
    }

    fn is_over(&self) -> bool {
        matches!(self.state, State::Fenced | State::Stopped(_))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::coordinator::Entry;

    const ME: Incarnation = Incarnation(7);

    fn authority() -> Authority {
        Authority::new(Timing::default(), "a".into(), ME, "ours", 3)
    }

    fn entry(key: &str, revision: Revision) -> Entry {
        Entry { key: key.to_owned(), value: Bytes::new(), revision, lease: None }
    }

    fn meta(cluster: &str, revision: Revision) -> Entry {
        let value = write(&Meta { format: 1, cluster: cluster.to_owned() });
        Entry { value, ..entry(META, revision) }
    }

    fn outcome(applied: bool, reads: Vec<Entry>) -> TxnOutcome {
        TxnOutcome { applied, revision: 9, reads }
    }

    fn applied() -> TxnOutcome {
        outcome(true, vec![meta("ours", 3)])
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_defaults_fit_each_other() {
        assert_eq!(Timing::new(LEASE, AUTHORITY, DRIFT_PERCENT), Ok(Timing::default()));
        assert_eq!(Timing::default().outlasts(), Duration::from_millis(4080));
        assert_eq!(Timing::new(AUTHORITY, AUTHORITY, 1), Err(BadTiming::AuthorityOutlastsLease));
        assert_eq!(Timing::new(LEASE, AUTHORITY, 50), Err(BadTiming::TooMuchDrift));
    }

    #[test]
    fn authority_counts_from_the_sending_of_the_beat() {
        let mut authority = authority();
        assert_eq!(authority.state(seconds(1)), State::NotYet);
        let claim = authority.due(seconds(1)).expect("the first beat is due at once");
        assert!(authority.due(seconds(2)).is_none(), "the next is due a third of D later");
        authority.answered(claim.sent, claim.sent, Ok(&applied()));
        assert_eq!(authority.state(seconds(3)), State::Held { until: seconds(5) });
        assert!(authority.is_held(seconds(4)));
        assert_eq!(authority.state(seconds(5)), State::Lapsed);
    }

    #[test]
    fn an_answer_that_comes_late_or_out_of_order_takes_nothing_away() {
        let mut authority = authority();
        authority.answered(seconds(4), seconds(4), Ok(&applied()));
        authority.answered(seconds(2), seconds(2), Ok(&applied()));
        assert_eq!(authority.until(), Some(seconds(8)));
    }

    #[test]
    fn a_lapse_ends_with_the_next_beat() {
        let mut authority = authority();
        authority.answered(seconds(0), seconds(0), Ok(&applied()));
        authority.answered(seconds(2), seconds(2), Err(&CoordinatorError::Unavailable("gone".into())));
        assert_eq!(authority.state(seconds(6)), State::Lapsed);
        let claim = authority.due(seconds(6)).expect("beats go on");
        authority.answered(claim.sent, claim.sent, Ok(&applied()));
        assert!(authority.is_held(seconds(6)));
    }

    #[test]
    fn a_beat_that_fails_is_tried_again_long_before_authority_ends() {
        let mut authority = authority();
        let gone = CoordinatorError::Unavailable("the connection broke".into());
        let first = authority.due(seconds(0)).expect("the first beat is due at once");
        authority.answered(first.sent, first.sent, Ok(&applied()));
        let mut failed = 0;
        while let Some(next) = authority.next_beat().filter(|next| *next < AUTHORITY) {
            let claim = authority.due(next).expect("it is due then");
            authority.answered(claim.sent, next, Err(&gone));
            failed += 1;
        }
        assert!((8..=12).contains(&failed), "{failed} tries in the time of two beats");
        // One that is given up later than its successor was sent changes nothing.
        let now = authority.next_beat().expect("beats go on");
        let claim = authority.due(now).expect("it is due then");
        authority.answered(first.sent, now, Err(&gone));
        assert_eq!(authority.next_beat(), Some(now + Timing::default().beat_every()));
        authority.answered(claim.sent, now, Ok(&applied()));
        assert!(authority.is_held(now));
    }

    #[test]
    fn a_fence_is_for_ever() {
        let mut authority = authority();
        authority.answered(seconds(0), seconds(0), Ok(&applied()));
        authority.answered(
            seconds(1),
            seconds(1),
            Ok(&outcome(false, vec![meta("ours", 3), entry(&fence_key(ME), 8)])),
        );
        assert_eq!(authority.state(seconds(1)), State::Fenced);
        authority.answered(seconds(1), seconds(1), Ok(&applied()));
        assert_eq!(authority.state(seconds(1)), State::Fenced);
        assert!(authority.due(seconds(9)).is_none() && authority.next_beat().is_none());
    }

    #[test]
    fn a_cluster_that_was_wiped_or_replaced_stops_the_node() {
        let cases = [
            (false, vec![], Stop::MetaMissing),
            (false, vec![meta("ours", 4)], Stop::MetaChanged),
            (true, vec![meta("another", 3)], Stop::MetaChanged),
            (true, vec![entry(META, 3)], Stop::MetaChanged),
            (false, vec![meta("another", 3), entry(&fence_key(ME), 8)], Stop::MetaChanged),
        ];
        for (applied, reads, stop) in cases {
            let mut authority = authority();
            authority.answered(seconds(0), seconds(0), Ok(&outcome(applied, reads)));
            assert!(!authority.is_held(seconds(0)));
            assert_eq!(authority.state(seconds(0)), State::Stopped(stop));
        }
        let mut authority = authority();
        authority.answered(seconds(0), seconds(0), Err(&CoordinatorError::Changed("older".into())));
        assert_eq!(authority.state(seconds(0)), State::Stopped(Stop::CoordinatorChanged));
    }

    #[test]
    fn a_beat_is_written_only_unfenced_and_into_the_same_cluster() {
        let claim = authority().due(seconds(0)).expect("due");
        let fence = Compare::Absent(fence_key(ME));
        assert_eq!(claim.txn.compares, vec![fence, Compare::Unchanged(META.to_owned(), 3)]);
    }
}
