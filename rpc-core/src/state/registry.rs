//! The states of one node, by group and name: what a hand-over of a slot takes along.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Content, SlotState, StateError};
use crate::slot::Slot;

/// The names that begin like this are the framework's own.
pub const RESERVED: &str = "wherever.";

/// The states of one node. Filled while the node is built, then only read.
#[derive(Default)]
pub struct States(Mutex<Known>);

#[derive(Default)]
struct Known {
    states: Vec<Registered>,
    faults: Vec<Fault>,
    is_complete: bool,
}

/// One state of a node.
#[derive(Clone)]
pub struct Registered {
    /// The group whose slots it is kept by.
    pub group: String,
    /// Its name, the same on all nodes of the group.
    pub name: String,
    /// Who registered it, for messages.
    pub owner: String,
    /// The state itself.
    pub state: Arc<dyn SlotState>,
}

/// Why a state cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Two states of one group have one name.
    #[error(
        "{first} and {second} both keep the state {name} in group {group}: give one another name, `#[rpc_state(name = \"…\")]`"
    )]
    Doubled {
        /// The group.
        group: String,
        /// The name.
        name: String,
        /// Who registered it first.
        first: String,
        /// Who wanted to register it too.
        second: String,
    },
    /// The name is not for programs to take.
    #[error("{owner} names a state {name}: names that begin with `{RESERVED}` are the framework's own")]
    Reserved {
        /// The name.
        name: String,
        /// Who wanted it.
        owner: String,
    },
    /// A name that cannot be told to others.
    #[error("{owner} names a state {name:?}: a name is 1 to {MAX_NAME} letters, digits, `_`, `-` or `.`")]
    BadName {
        /// The name.
        name: String,
        /// Who wanted it.
        owner: String,
    },
}

/// Longest name of a state, in bytes: it stands in every message of a hand-over.
pub const MAX_NAME: usize = 200;

/// A state came after the node was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLate;

impl States {
    /// Adds a state. What is wrong with it is kept for [`complete`](Self::complete).
    ///
    /// # Errors
    /// [`TooLate`] once the node is built: its slots are open, and this state's would not be.
    pub fn add(&self, state: Registered) -> Result<(), TooLate> {
        let is_reserved = state.name.starts_with(RESERVED);
        self.insert(state, is_reserved.then_some(|name, owner| Fault::Reserved { name, owner }))
    }

    /// Adds a state of the framework's own.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub(crate) fn add_own(&self, state: Registered) -> Result<(), TooLate> {
        self.insert(state, None)
    }

    fn insert(&self, state: Registered, fault: Option<fn(String, String) -> Fault>) -> Result<(), TooLate> {
        let mut known = self.lock();
        if known.is_complete {
            return Err(TooLate);
        }
        let same = |other: &&Registered| other.group == state.group && other.name == state.name;
        let fault = if let Some(fault) = fault {
            Some(fault(state.name.clone(), state.owner.clone()))
        } else if !is_name(&state.name) {
            Some(Fault::BadName { name: state.name.clone(), owner: state.owner.clone() })
        } else {
            known.states.iter().find(same).map(|first| Fault::Doubled {
                group: state.group.clone(),
                name: state.name.clone(),
                first: first.owner.clone(),
                second: state.owner.clone(),
            })
        };
        match fault {
            Some(fault) => known.faults.push(fault),
            None => known.states.push(state),
        }
        Ok(())
    }

    /// Ends the registration.
    ///
    /// # Errors
    /// Everything that was wrong with it.
    pub fn complete(&self) -> Result<(), Vec<Fault>> {
        let mut known = self.lock();
        known.is_complete = true;
        if known.faults.is_empty() { Ok(()) } else { Err(std::mem::take(&mut known.faults)) }
    }

    /// All states, in the order in which they were added.
    pub fn all(&self) -> Vec<Registered> {
        self.lock().states.clone()
    }

    /// The states that go with a slot of `group`.
    pub fn of_group(&self, group: &str) -> Vec<Registered> {
        self.lock().states.iter().filter(|state| state.group == group).cloned().collect()
    }

    /// The state of this name.
    pub fn get(&self, group: &str, name: &str) -> Option<Arc<dyn SlotState>> {
        let known = self.lock();
        known.states.iter().find(|state| state.group == group && state.name == name).map(|found| found.state.clone())
    }

    /// Opens `slot` of `group` in all its states, with `content`.
    ///
    /// # Errors
    /// The first state's that cannot open it; those before it are closed again.
    pub fn open(&self, group: &str, slot: Slot, epoch: u64, content: Content) -> Result<(), StateError> {
        let states = self.of_group(group);
        for (done, registered) in states.iter().enumerate() {
            if let Err(error) = registered.state.open(slot, epoch, content) {
                states[..done].iter().for_each(|opened| opened.state.close(slot));
                return Err(error);
            }
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_part)
}

impl std::fmt::Debug for States {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.all().into_iter().map(|state| format!("{}/{}", state.group, state.name));
        f.debug_list().entries(names).finish()
    }
}
