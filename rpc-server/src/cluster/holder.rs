//! The slots of this node, and what is done with each when the map speaks of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rpc_core::cluster::keeper::{self, Keep, Local};
use rpc_core::cluster::mirror::Mirror as Picture;
use rpc_core::cluster::moves::Dropped;
use rpc_core::cluster::records::{BUCKET_SLOTS, Incarnation, bucket_of};
use rpc_core::cluster::view::LossView;
use rpc_core::coordinator::{Revision, Txn};
use rpc_core::node::NodeId;
use rpc_core::route::group::Group;
use rpc_core::slot::Slot;
use rpc_core::state::{Content, StateError};

use super::sending::Named;

/// Losses that are told to those who ask; the log has them all.
const MAX_LOSSES: usize = 100;

/// One group's slots at this node.
pub(super) struct Holder {
    me: Incarnation,
    group: Arc<Group>,
    states: Vec<Named>,
    // Held for a look-up or a change of some slots, with the cells and states of those slots; never across an await.
    slots: Mutex<Slots>,
}

struct Slots {
    // By number: whenever a bucket changes, all of its slots are looked at.
    locals: Vec<Local>,
    // The slots of moves from this node that are not over for it: what it holds of them may still be what they are recovered from.
    giving: BTreeSet<Slot>,
    // The revision of each bucket that was acted upon.
    done: BTreeMap<u16, Revision>,
    losses: Vec<LossView>,
    // The incarnation is over: a task of it that has yet to hear so changes nothing any more. The cells are the next one's.
    is_over: bool,
}

impl Holder {
    pub(super) fn new(me: Incarnation, group: Arc<Group>, states: Vec<Named>) -> Self {
        let locals = vec![Local::Closed; usize::from(Slot::COUNT)];
        let (giving, done, losses) = (BTreeSet::new(), BTreeMap::new(), Vec::new());
        let slots = Mutex::new(Slots { locals, giving, done, losses, is_over: false });
        Self { me, group, states, slots }
    }

    pub(super) fn group(&self) -> &Arc<Group> {
        &self.group
    }

    pub(super) fn states(&self) -> &[Named] {
        &self.states
    }

    /// Acts on what `picture` says of the slots, and gives the transactions that tell the coordinator so, each with its bucket.
    pub(super) fn follow(&self, picture: &Picture) -> Vec<(u16, Txn)> {
        let mut txns = Vec::new();
        let Some(mut slots) = self.lock_unless_over() else { return txns };
        for (number, bucket) in picture.buckets(self.group.name()) {
            if slots.done.get(&number) == Some(&bucket.revision) {
                continue;
            }
            let (mut settled, mut disowned, mut raised) = (Vec::new(), Vec::new(), Vec::new());
            let mut runs = bucket.record.runs.iter().peekable();
            for slot in slots_of(number) {
                while runs.next_if(|run| run.last < slot).is_some() {}
                let holding = runs.peek().filter(|run| run.first <= slot).map(|run| &run.holding);
                // Three times: a slot that is open in another epoch is closed first, then what it held is forgotten.
                for _ in 0..3 {
                    let keep = keeper::keep(self.me, &slots.locals[slot.index()], holding);
                    let epoch = holding.map_or(0, |holding| holding.epoch);
                    match &keep {
                        Keep::Settle => settled.push((slot, epoch)),
                        Keep::Disown => disowned.push((slot, epoch)),
                        Keep::Raise(held) => raised.push((slot, *held)),
                        _ => self.act(&mut slots, slot, &keep),
                    }
                    if let Keep::Load { epoch, .. } = keep {
                        settled.push((slot, epoch));
                    }
                    if !matches!(keep, Keep::Close | Keep::Forget) {
                        break;
                    }
                }
            }
            let name = self.group.name();
            let settle = keeper::settle(self.me, name, number, bucket, &settled);
            let disown = keeper::disown(self.me, name, number, bucket, &disowned);
            let raise = keeper::raise(self.me, name, number, bucket, &raised);
            txns.extend(settle.into_iter().chain(disown).chain(raise).map(|txn| (number, txn)));
            slots.done.insert(number, bucket.revision);
        }
        txns
    }

    /// Looks again at this bucket at the next [`follow`](Self::follow): a transaction of an earlier one was not applied.
    pub(super) fn look_again(&self, bucket: u16) {
        self.lock().done.remove(&bucket);
    }

    fn act(&self, slots: &mut Slots, slot: Slot, keep: &Keep) {
        if matches!(keep, Keep::AsIs) {
            return;
        }
        let _changing = self.group.changing();
        match keep {
            Keep::AsIs | Keep::Settle | Keep::Disown | Keep::Raise(_) => {}
            Keep::Load { epoch, content, lost } => self.load(slots, slot, *epoch, *content, lost.as_ref()),
            Keep::Close => {
                let (Local::Open(epoch) | Local::Loading(epoch) | Local::Sealed(epoch)) = slots.locals[slot.index()]
                else {
                    return;
                };
                self.shut(slot);
                slots.locals[slot.index()] = Local::Kept(epoch);
            }
            Keep::Forget => {
                self.each_state(|state| state.forget(slot));
                slots.locals[slot.index()] = Local::Closed;
            }
        }
    }

    fn load(&self, slots: &mut Slots, slot: Slot, epoch: u64, content: Content, lost: Option<&NodeId>) {
        if let Err(error) = self.open_states(slot, epoch, content) {
            // It stays closed: who calls it waits, and an operator reads why.
            tracing::error!(%error, %slot, "a slot cannot be loaded");
            return;
        }
        if let Some(node) = lost {
            slots.lose(self.group.name(), node);
        }
        self.group.open(slot);
        slots.locals[slot.index()] = Local::Open(epoch);
    }

    /// What was copied for these slots is served from now on, in these epochs.
    pub(super) fn open_staged(&self, opened: &[(Slot, u64)], me: &NodeId) {
        let Some(mut slots) = self.lock_unless_over() else { return };
        let _changing = self.group.changing();
        for &(slot, epoch) in opened {
            slots.done.remove(&bucket_of(slot));
            // The map first: a call that enters must find the epoch in which it does.
            self.group.learn(slot, me, epoch);
            match self.open_states(slot, epoch, Content::Staged) {
                Ok(()) => {
                    self.group.open(slot);
                    slots.locals[slot.index()] = Local::Open(epoch);
                }
                Err(error) => tracing::error!(%error, %slot, "a slot that was moved here cannot be opened"),
            }
        }
    }

    fn open_states(&self, slot: Slot, epoch: u64, content: Content) -> Result<(), StateError> {
        self.states.iter().try_for_each(|(_, state)| state.open(slot, epoch, content))
    }

    /// A move begins to copy these slots to this node: until it is over it decides. False, and nothing is changed, if one of them is
    /// served here or is being copied already, or this node has not heard yet how its own move of it ended.
    pub(super) fn stage(&self, staged: &[Slot]) -> bool {
        let Some(mut slots) = self.lock_unless_over() else { return false };
        let is_free = |slot: &Slot| {
            matches!(slots.locals[slot.index()], Local::Closed | Local::Kept(_)) && !slots.giving.contains(slot)
        };
        if !staged.iter().all(is_free) {
            return false;
        }
        for &slot in staged {
            // A copy that was given up before may have left something.
            self.each_state(|state| state.discard(slot));
            slots.locals[slot.index()] = Local::Staged;
        }
        true
    }

    /// A move to this node did not come about.
    pub(super) fn discard(&self, staged: &[Slot]) {
        let Some(mut slots) = self.lock_unless_over() else { return };
        for &slot in staged {
            self.each_state(|state| state.discard(slot));
            slots.locals[slot.index()] = Local::Closed;
            // What the map says meanwhile was passed over.
            slots.done.remove(&bucket_of(slot));
        }
    }

    /// Lets no call into these slots any more. False if one of them was not open.
    pub(super) fn seal(&self, sealed: &[(Slot, u64)]) -> bool {
        let Some(mut slots) = self.lock_unless_over() else { return false };
        sealed.iter().all(|&(slot, epoch)| {
            let was_open = self.group.seal(slot);
            slots.locals[slot.index()] = Local::Sealed(epoch);
            was_open
        })
    }

    /// No call runs in the sealed slots any more, and what a provider's stray task writes from here on must not be half of it there and
    /// half of it lost: nothing is written until the move is over.
    pub(super) fn freeze(&self, frozen: &[(Slot, u64)]) {
        let Some(_slots) = self.lock_unless_over() else { return };
        let _changing = self.group.changing();
        frozen.iter().for_each(|&(slot, _)| self.each_state(|state| state.close(slot)));
    }

    /// The slots are `to`'s, one epoch later: what waits for them looks again, and what they hold is kept.
    pub(super) fn hand(&self, handed: &[(Slot, u64)], to: &NodeId) {
        // The map first: whoever looks again must see the new owner.
        handed.iter().for_each(|&(slot, epoch)| _ = self.group.learn(slot, to, epoch + 1));
        self.keep(handed);
    }

    /// The slots are others' by now, and nobody will come back for what was held of them here.
    pub(super) fn pass_on(&self, passed: &[(Slot, u64)], dropped: &[Dropped]) {
        // The map first, as above. Of a slot that nobody owns it says nothing: whoever waits for it does so until it does.
        for (slot, owner) in dropped.iter().filter_map(|one| Some((one.slot, one.owner.as_ref()?))) {
            self.group.learn(slot, &owner.node, owner.epoch);
        }
        self.keep(passed);
        self.forget(passed);
    }

    /// The slots are not served here any more, and what they hold is kept. Those that have gone on meanwhile are left alone: whoever
    /// tells the end of a move may be the last to hear of it, when this node has the slot again in a later epoch.
    pub(super) fn keep(&self, kept: &[(Slot, u64)]) {
        let Some(mut slots) = self.lock_unless_over() else { return };
        let _changing = self.group.changing();
        for &(slot, epoch) in kept {
            if !slots.is_still(slot, epoch) {
                continue;
            }
            self.shut(slot);
            slots.locals[slot.index()] = Local::Kept(epoch);
            // What the map said while the move decided was passed over.
            slots.done.remove(&bucket_of(slot));
        }
    }

    /// A move from this node was aborted: the slots are served again, in the epochs before.
    pub(super) fn unseal(&self, unsealed: &[(Slot, u64)]) {
        let Some(mut slots) = self.lock_unless_over() else { return };
        let _changing = self.group.changing();
        for &(slot, epoch) in unsealed {
            if !slots.is_still(slot, epoch) {
                continue;
            }
            slots.done.remove(&bucket_of(slot));
            // It may have been frozen; what it holds was kept.
            if let Err(error) = self.open_states(slot, epoch, Content::Kept) {
                tracing::error!(%error, %slot, "a slot that stays here cannot be opened again");
                continue;
            }
            slots.locals[slot.index()] = Local::Open(epoch);
            self.group.open(slot);
        }
    }

    /// Nobody will come back for what these slots held in these epochs.
    pub(super) fn forget(&self, forgotten: &[(Slot, u64)]) {
        let Some(mut slots) = self.lock_unless_over() else { return };
        for &(slot, epoch) in forgotten {
            if !slots.is_still(slot, epoch) {
                continue;
            }
            self.each_state(|state| state.forget(slot));
            slots.locals[slot.index()] = Local::Closed;
            slots.done.remove(&bucket_of(slot));
        }
    }

    /// A move of these slots from this node begins. Until it is [over](Self::given) no other move of them does, to this node or from
    /// it: what is held of them may still be what they are recovered from, and its end must not unseal what another one has sealed.
    /// False, and nothing is changed, if one of them is not open here in its epoch, or another move has not ended.
    pub(super) fn give(&self, given: &[(Slot, u64)]) -> bool {
        let Some(mut slots) = self.lock_unless_over() else { return false };
        let is_free = |(slot, epoch): &(Slot, u64)| {
            slots.locals[slot.index()] == Local::Open(*epoch) && !slots.giving.contains(slot)
        };
        if !given.iter().all(is_free) {
            return false;
        }
        slots.giving.extend(given.iter().map(|(slot, _)| *slot));
        true
    }

    /// A move of these slots from this node is over.
    pub(super) fn given(&self, given: &[(Slot, u64)]) {
        let mut slots = self.lock();
        given.iter().for_each(|(slot, _)| _ = slots.giving.remove(slot));
    }

    /// This incarnation is over: nothing that it held may be served, or ever be taken for the truth.
    pub(super) fn drop_all(&self) {
        let mut slots = self.lock();
        slots.is_over = true;
        let _changing = self.group.changing();
        for slot in Slot::all() {
            if std::mem::replace(&mut slots.locals[slot.index()], Local::Closed) == Local::Closed {
                continue;
            }
            self.shut(slot);
            self.each_state(|state| {
                state.discard(slot);
                state.forget(slot);
            });
        }
        slots.done.clear();
    }

    /// How many slots are served here, sealed ones among them.
    pub(super) fn served(&self) -> usize {
        let is_served = |local: &&Local| matches!(local, Local::Open(_) | Local::Sealed(_) | Local::Loading(_));
        self.lock().locals.iter().filter(is_served).count()
    }

    /// What was lost.
    pub(super) fn losses(&self) -> Vec<LossView> {
        self.lock().losses.clone()
    }

    fn shut(&self, slot: Slot) {
        self.group.close(slot);
        self.each_state(|state| state.close(slot));
    }

    fn each_state(&self, mut act: impl FnMut(&dyn rpc_core::state::SlotState)) {
        self.states.iter().for_each(|(_, state)| act(&**state));
    }

    /// The slots, as long as the incarnation is not over.
    fn lock_unless_over(&self) -> Option<MutexGuard<'_, Slots>> {
        let slots = self.lock();
        (!slots.is_over).then_some(slots)
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The slots of a bucket.
fn slots_of(bucket: u16) -> impl Iterator<Item = Slot> {
    let first = bucket * BUCKET_SLOTS;
    (first..first + BUCKET_SLOTS).filter_map(Slot::new)
}

impl Slots {
    /// Whether what this node holds of `slot` is what it served in `epoch`.
    fn is_still(&self, slot: Slot, epoch: u64) -> bool {
        let (Local::Loading(known) | Local::Open(known) | Local::Sealed(known) | Local::Kept(known)) =
            self.locals[slot.index()]
        else {
            return false;
        };
        known == epoch
    }

    /// Never silently: each loss is logged once for a node, and counted.
    fn lose(&mut self, group: &str, node: &NodeId) {
        match self.losses.last_mut().filter(|loss| loss.node == *node && loss.group == group) {
            Some(loss) => loss.slots += 1,
            None => {
                tracing::error!(group, %node, "the state of slots is lost with their owner");
                if self.losses.len() == MAX_LOSSES {
                    self.losses.remove(0);
                }
                self.losses.push(LossView { group: group.to_owned(), node: node.clone(), slots: 1 });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rpc_core::cluster::records::{Bucket, Holding, Standing, bucket_key, read, write};
    use rpc_core::coordinator::{Entry, Op, Range};

    use super::*;

    #[test]
    fn the_late_end_of_a_move_leaves_alone_what_has_come_back() {
        let (me, slot) = (NodeId::new("a:1"), Slot::of_text(b"foo"));
        let holder = Holder::new(Incarnation(1), Arc::new(Group::new("g").at(me.clone())), Vec::new());
        holder.open_staged(&[(slot, 4)], &me);
        assert!(holder.give(&[(slot, 4)]) && !holder.give(&[(slot, 4)]));
        assert!(holder.seal(&[(slot, 4)]));
        holder.hand(&[(slot, 4)], &NodeId::new("b:1"));
        assert!(!holder.stage(&[slot]), "the move may still be undone");
        holder.given(&[(slot, 4)]);
        assert!(holder.stage(&[slot]));
        holder.open_staged(&[(slot, 6)], &me);
        holder.keep(&[(slot, 4)]);
        holder.unseal(&[(slot, 4)]);
        holder.forget(&[(slot, 4)]);
        assert!(holder.group().is_open(slot) && holder.give(&[(slot, 6)]));
    }

    #[test]
    fn who_has_yet_to_hear_that_the_incarnation_is_over_opens_and_closes_nothing_of_the_next_one() {
        let (me, slot) = (NodeId::from("a:1"), Slot::new(SLOT).expect("a slot"));
        let group = Arc::new(Group::new("g").at(me.clone()));
        let (before, next) =
            [Incarnation(1), Incarnation(2)].map(|it| Holder::new(it, group.clone(), Vec::new())).into();
        assert!(before.stage(&[slot]));
        before.drop_all();
        before.open_staged(&[(slot, 4)], &me);
        assert!(!group.is_open(slot) && !before.stage(&[slot]));
        assert!(next.stage(&[slot]));
        next.open_staged(&[(slot, 5)], &me);
        assert!(!before.seal(&[(slot, 5)]));
        before.freeze(&[(slot, 5)]);
        before.keep(&[(slot, 5)]);
        before.discard(&[slot]);
        assert!(before.follow(&picture(1, &Bucket::default())).is_empty());
        assert!(group.is_open(slot));
    }

    const SLOT: u16 = 300;

    /// A picture in which the slot stands thus, at this revision.
    fn picture(revision: Revision, bucket: &Bucket) -> Picture {
        let key = bucket_key("g", SLOT / BUCKET_SLOTS);
        let entry = Entry { key, value: write(bucket), revision, lease: None };
        let mut picture = Picture::default();
        assert_eq!(picture.list(&Range { revision, entries: vec![entry] }, Duration::ZERO), Vec::new());
        picture
    }

    fn recovering(epoch: u64, lost: Option<&str>) -> Bucket {
        let state = Standing::Recovering { lost: lost.map(NodeId::from), kept: None };
        let slot = Slot::new(SLOT).expect("a slot");
        Bucket::of([(slot, Holding { node: "a:1".into(), incarnation: Incarnation(1), epoch, state })])
    }

    #[test]
    fn a_slot_that_comes_back_in_an_older_epoch_begins_anew_above_it_as_lost() {
        let slot = Slot::new(SLOT).expect("a slot");
        let group = Arc::new(Group::new("g").at("a:1".into()));
        let holder = Holder::new(Incarnation(1), group.clone(), Vec::new());
        holder.follow(&picture(1, &recovering(4, None)));
        assert!(group.is_open(slot) && holder.losses().is_empty());
        holder.follow(&picture(2, &Bucket::default()));
        assert!(!group.is_open(slot), "nobody owns it");
        let txns = holder.follow(&picture(3, &recovering(1, None)));
        assert!(!group.is_open(slot), "nothing is served in an epoch that was");
        let [(_, Txn { ops, .. })] = &txns[..] else { panic!("{txns:?}") };
        let [Op::Put { value, .. }] = &ops[..] else { panic!("{ops:?}") };
        let raised: Bucket = read(value).expect("reads back");
        assert_eq!(raised, recovering(5, Some("a:1")));
        holder.follow(&picture(4, &raised));
        assert!(group.is_open(slot));
        assert_eq!(holder.losses().len(), 1);
        // Without having seen it closed in between.
        holder.follow(&picture(5, &recovering(6, Some("a:1"))));
        assert!(group.is_open(slot), "one look is enough");
        assert_eq!(holder.losses().first().map(|loss| loss.slots), Some(2));
    }
}
