//! The state that moves with the node's slots: complete before the node answers, and open for the slots it owns.

use rpc_core::provider::Here;
use rpc_core::state::Content;

use super::problem::Problem;

/// Ends the registration of states, and opens them for every slot that the node owns at its start, with what they hold of it:
/// only a fixed cluster gives a node slots before it has joined, and in one they have never been another's.
pub(super) fn open_owned(here: &Here) -> Result<(), Vec<Problem>> {
    here.states.complete().map_err(|faults| faults.into_iter().map(Problem::State).collect::<Vec<_>>())?;
    let mut problems = Vec::new();
    for registered in here.states.all() {
        let owned = here.groups.get(&registered.group).owned_by(&here.id);
        let slots = owned.iter().flat_map(|run| run.slots().map(|slot| (slot, run.epoch)));
        for (slot, epoch) in slots {
            if let Err(error) = registered.state.open(slot, epoch, Content::Kept) {
                // A store that fails for one slot fails for the others too: one message is enough.
                problems.push(Problem::StateNotOpened { name: registered.name, error });
                break;
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}
