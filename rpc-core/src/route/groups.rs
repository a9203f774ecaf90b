//! The groups of a process, by name.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::group::Group;

/// All groups of one process; each is made when it is first asked for.
pub struct Groups {
    // Few and looked up by every call: comparing names costs less than hashing one.
    by_name: RwLock<BTreeMap<String, Arc<Group>>>,
    most: usize,
    make: Box<dyn Fn(&str) -> Group + Send + Sync>,
}

impl Groups {
    /// At most `most` groups, each made by `make`.
    pub fn new(most: usize, make: impl Fn(&str) -> Group + Send + Sync + 'static) -> Self {
        Self { by_name: RwLock::default(), most, make: Box::new(make) }
    }

    /// The group of this name. Beyond the bound it is made anew for each asker and kept by nobody else.
    pub fn get(&self, name: &str) -> Arc<Group> {
        if let Some(group) = self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return group.clone();
        }
        let mut by_name = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        if by_name.len() >= self.most && !by_name.contains_key(name) {
            return Arc::new((self.make)(name));
        }
        by_name.entry(name.to_owned()).or_insert_with(|| Arc::new((self.make)(name))).clone()
    }

    /// Whether the group of this name has been asked for.
    pub fn has(&self, name: &str) -> bool {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }

    /// All groups made so far, by name.
    pub fn all(&self) -> Vec<Arc<Group>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
