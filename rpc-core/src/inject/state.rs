//! Fields marked `#[rpc_state]`: state of a provider that moves with its slots.

use super::Fields;
use crate::client::Wherever;
use crate::state::Slots;
use crate::state::slots::{Key, Value};

/// What a field marked `#[rpc_state]` can hold.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no state that moves with its slots",
    label = "is not `Slots<K, V>`",
    note = "write `#[rpc_state] values: Slots<String, u64>`; a `SlotState` of your own is registered with `.state(…)` on the node's builder"
)]
pub trait NodeState: Sized {
    /// Makes the state `name`, kept by the slots of `group`, and registers it for `owner`.
    fn of_node(wherever: &Wherever, group: &str, name: &str, owner: String) -> Self;
}

impl<K: Key, V: Value> NodeState for Slots<K, V> {
    fn of_node(wherever: &Wherever, group: &str, name: &str, owner: String) -> Self {
        wherever.slots_of(group, name, owner)
    }
}

impl Fields<'_> {
    /// The state for a field marked `#[rpc_state]`.
    pub fn state<T: NodeState>(&mut self, field: &'static str, group: &'static str, name: &'static str) -> T {
        let owner = format!("the field `{field}` of {}", self.type_name);
        T::of_node(self.injector.wherever, group, name, owner)
    }
}
