//! Looks after this node's slots: whenever the records change, does with each slot what they say, and begins the moves that name
//! this node.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rpc_core::cluster::hand_over::{Answer, Question};
use rpc_core::cluster::mirror::Mirror as Picture;
use rpc_core::cluster::moves::{MoveName, Observation, Source};
use rpc_core::cluster::records::{Phase, bucket_of};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::holder::Holder;
use super::joined::Joined;
use super::source::{Asked, Giving};
use super::target::Receiving;

/// Longest time without a look, in case something was missed.
const LOOK: Duration = Duration::from_secs(1);

/// Wait after a transaction whose outcome is not known.
const AGAIN: Duration = Duration::from_millis(100);

/// How long a question may wait for its answer: the bounded drain of the slots, and the copying itself.
const ANSWER: Duration = Duration::from_secs(4);

/// How long a question waits for this node to hear of the move: the target may have heard of it sooner.
const HEAR: Duration = Duration::from_millis(500);

/// A group and the id of a move in it.
type Name = (String, String);

/// The moves that this node is a side of.
#[derive(Default)]
pub(super) struct Moves {
    // Held for a look-up, an insert or a removal; never across an await.
    giving: Mutex<HashMap<Name, mpsc::Sender<Asked>>>,
    begun: Notify,
}

impl Moves {
    /// Answers a target's question.
    ///
    /// # Errors
    /// Why not, as a sentence.
    pub(super) async fn answer(&self, question: Question) -> Result<Answer, String> {
        let name = (question.group.clone(), question.mig.clone());
        let known = timeout(HEAR, self.source_of(&name)).await;
        let giving = known.map_err(|_| "this node is not the source of that move, or not yet".to_owned())?;
        let (reply, answer) = oneshot::channel();
        giving.try_send((question, reply)).map_err(|_| "too many questions about one move".to_owned())?;
        let answer = timeout(ANSWER, answer).await.map_err(|_| "the source did not answer in time".to_owned())?;
        answer.unwrap_or_else(|_| Err("the move is over here".to_owned()))
    }

    /// The way to ask the source of a move, once there is one.
    async fn source_of(&self, name: &Name) -> mpsc::Sender<Asked> {
        loop {
            let begun = self.begun.notified();
            tokio::pin!(begun);
            // Listening before looking: one that begins in between is heard.
            begun.as_mut().enable();
            if let Some(giving) = lock(&self.giving).get(name) {
                return giving.clone();
            }
            begun.await;
        }
    }
}

/// The task.
pub(super) struct Steward {
    joined: Arc<Joined>,
    moves: Arc<Moves>,
    /// The moves that were begun here, until the picture shows that they are gone. None is ever begun again: the picture may be older
    /// than what the move's own transactions told, and a second target would throw away what the first one serves.
    begun: HashSet<Name>,
    running: JoinSet<()>,
}

impl Steward {
    pub(super) fn new(joined: Arc<Joined>, moves: Arc<Moves>) -> Self {
        Self { joined, moves, begun: HashSet::new(), running: JoinSet::new() }
    }

    /// Looks after the slots for as long as it is polled. Dropping it gives up the moves where they stand.
    pub(super) async fn run(mut self) {
        let mut pictures = self.joined.pictures();
        loop {
            let picture = pictures.borrow_and_update().clone();
            while self.running.try_join_next().is_some() {}
            if picture.meta().is_some() {
                self.follow(&picture).await;
            }
            tokio::select! {
                biased;
                _ = pictures.changed() => {}
                () = self.joined.look.notified() => {}
                () = sleep(LOOK) => {}
            }
        }
    }

    async fn follow(&mut self, picture: &Arc<Picture>) {
        // The map before the slots: a call that finds its slot shut must see whose it is now.
        for group in self.joined.wherever.known_groups() {
            self.joined.install(&group);
        }
        if picture.fence(self.joined.incarnation()).is_some() {
            // The beats will say so too, and end this incarnation; until then nothing is opened.
            return;
        }
        self.begun.retain(|(group, id)| picture.one_move(group, id).is_some());
        for holder in self.joined.holders.clone() {
            for (bucket, txn) in holder.follow(picture) {
                match self.joined.coordinator().transact(txn).await {
                    Ok(outcome) if outcome.applied => {}
                    Ok(_) => holder.look_again(bucket),
                    Err(error) => {
                        tracing::debug!(%error, "the map could not be told of loaded slots yet");
                        holder.look_again(bucket);
                        sleep(AGAIN).await;
                        self.joined.look_again();
                    }
                }
            }
            self.begin_moves(&holder, picture);
        }
    }

    /// Begins the moves that name this node and are not begun yet.
    fn begin_moves(&mut self, holder: &Arc<Holder>, picture: &Picture) {
        let me = self.joined.incarnation();
        for (group, id, seen) in picture.moves() {
            if group != holder.group().name() || seen.record.phase != Phase::Copy {
                continue;
            }
            let Some(bucket) = seen.record.slots.first().map(|slot| bucket_of(*slot)) else { continue };
            let name = MoveName { group: group.to_owned(), id: id.to_owned(), bucket };
            if seen.record.from.incarnation == me {
                self.give(holder, name, picture);
            } else if seen.record.to.incarnation == me {
                self.receive(holder, name);
            }
        }
    }

    fn give(&mut self, holder: &Arc<Holder>, name: MoveName, picture: &Picture) {
        let key = (name.group.clone(), name.id.clone());
        if self.begun.contains(&key) {
            return;
        }
        let seen = Observation::mirrored(&name, picture);
        let Some(source) = Source::start(name, self.joined.incarnation(), &seen, self.joined.clock().now()) else {
            return;
        };
        if !holder.give(source.slots()) {
            // Not opened yet, or another move of them has yet to hear how it ended: a later look finds them free.
            return;
        }
        self.begun.insert(key.clone());
        let (giving, ask) = Giving::begin(&self.joined, holder, source);
        lock(&self.moves.giving).insert(key.clone(), ask);
        self.moves.begun.notify_waiters();
        let moves = self.moves.clone();
        self.running.spawn(async move {
            giving.run().await;
            lock(&moves.giving).remove(&key);
        });
    }

    fn receive(&mut self, holder: &Arc<Holder>, name: MoveName) {
        let key = (name.group.clone(), name.id.clone());
        if self.begun.contains(&key) {
            return;
        }
        let begun = Receiving::begin(&self.joined, holder, name, self.joined.incarnation());
        let Some((receiving, first)) = begun else { return };
        self.begun.insert(key);
        self.running.spawn(receiving.run(first));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
