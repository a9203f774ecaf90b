//! Makes the maps that a node's providers keep their data in, and registers them with the node.

use std::panic::Location;
use std::sync::Arc;

use super::Wherever;
use crate::error::{Kind, RpcError};
use crate::route::key;
use crate::slot::Slot;
use crate::state::Slots;
use crate::state::registry::{Registered, TooLate};
use crate::state::slots::gate::Gate;
use crate::state::slots::{Key, Value};

/// The group of services that name none.
const DEFAULT_GROUP: &str = "default";

impl Wherever {
    /// The map `name` of this node, for the services of the group `default`: `wherever.slots("Counters.values")` in the closure
    /// of `NodeBuilder::provide_with`. A field marked `#[rpc_state]` does the same.
    ///
    /// It must be made while the node is built. One that is made later, or in a program that is no node, refuses every use and
    /// says why. Two of one name and group are an error of the start.
    #[track_caller]
    pub fn slots<K: Key, V: Value>(&self, name: &str) -> Slots<K, V> {
        self.slots_of(DEFAULT_GROUP, name, format!("the program at {}", Location::caller()))
    }

    /// As [`slots`](Self::slots), for the services of `group`.
    #[track_caller]
    pub fn slots_in<K: Key, V: Value>(&self, group: &str, name: &str) -> Slots<K, V> {
        self.slots_of(group, name, format!("the program at {}", Location::caller()))
    }

    /// The map `name`, registered for `owner`.
    pub(crate) fn slots_of<K: Key, V: Value>(&self, group: &str, name: &str, owner: String) -> Slots<K, V> {
        let Some(here) = self.here() else {
            return Slots::build(name, slot_of, Gate::Nowhere("this program is none, it only calls"));
        };
        // Weak, since the node holds the map.
        let node = Arc::downgrade(here);
        let may_execute = Box::new(move || node.upgrade().is_some_and(|here| here.authority.holds()));
        let slots = Slots::build(name, slot_of, Gate::Node { group: group.to_owned(), may_execute });
        let state = Arc::new(slots.clone());
        match here.states.add(Registered { group: group.to_owned(), name: name.to_owned(), owner, state }) {
            Ok(()) => slots,
            Err(TooLate) => Slots::build(name, slot_of, Gate::Nowhere("it was made after the node was built")),
        }
    }
}

impl<K: Key, V: Value> Slots<K, V> {
    /// A map that belongs to no node, for unit tests of a provider: every slot is open, and no call, epoch or authority is asked
    /// for. A provider that holds one and is given to a node would lose its entries at the first move.
    pub fn standalone() -> Self {
        Self::build("standalone", slot_of, Gate::Standalone)
    }
}

fn slot_of<K: Key>(key: &K) -> Result<Slot, RpcError> {
    key::slot_of(key).map_err(|error| RpcError::new(Kind::BadKey, format!("the key cannot be hashed: {error}")))
}
