//! How the replies of all nodes become one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};

use serde::{Deserialize, Serialize};

use crate::call::Context;
use crate::error::RpcError;
use crate::node::NodeId;

/// A value of which each node has its part: collections extend, numbers add, `()` stays.
///
/// Implement it for the `T` of a method marked `#[rpc(all)]`.
#[diagnostic::on_unimplemented(
    message = "the replies of all nodes cannot be merged: `{Self}` does not implement `Merge`",
    note = "implement `wherever::Merge` for it, or return `PerNode<{Self}>` to keep each node's reply apart"
)]
pub trait Merge {
    /// Takes in another node's part.
    fn merge(&mut self, other: Self);

    /// Hears that a node's part is missing, in a method marked `#[rpc(all(partial))]`.
    fn absent(&mut self, node: NodeId, error: RpcError) {
        let _ = (node, error);
    }
}

impl Merge for () {
    fn merge(&mut self, (): Self) {}
}

macro_rules! add {
    ($($number:ty),*) => {$(
        impl Merge for $number {
            /// Adds, and stays at the largest or smallest value rather than wrap around.
            fn merge(&mut self, other: Self) {
                *self = self.saturating_add(other);
            }
        }
    )*};
}

add!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

macro_rules! add_float {
    ($($number:ty),*) => {$(
        impl Merge for $number {
            fn merge(&mut self, other: Self) {
                *self += other;
            }
        }
    )*};
}

add_float!(f32, f64);

macro_rules! extend {
    ($([$($generics:tt)*] $collection:ty;)*) => {$(
        impl<$($generics)*> Merge for $collection {
            fn merge(&mut self, other: Self) {
                self.extend(other);
            }
        }
    )*};
}

extend! {
    [T] Vec<T>;
    [T] VecDeque<T>;
    [T: Ord] BTreeSet<T>;
    [T: Hash + Eq, S: BuildHasher] HashSet<T, S>;
    [K: Ord, V] BTreeMap<K, V>;
    [K: Hash + Eq, V, S: BuildHasher] HashMap<K, V, S>;
}

impl<T: Merge> Merge for Option<T> {
    /// Merges what is there; `None` adds nothing.
    fn merge(&mut self, other: Self) {
        match (self.as_mut(), other) {
            (Some(mine), Some(other)) => mine.merge(other),
            (None, other) => *self = other,
            (Some(_), None) => {}
        }
    }
}

macro_rules! tuple {
    ($($part:ident $index:tt),*) => {
        impl<$($part: Merge),*> Merge for ($($part,)*) {
            fn merge(&mut self, other: Self) {
                $(self.$index.merge(other.$index);)*
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);

/// Each node's own reply, unmerged, by node. With `#[rpc(all(partial))]` it keeps the failures too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PerNode<T> {
    /// What each node answered.
    pub replies: BTreeMap<NodeId, T>,
    /// Why the others did not.
    #[serde(default = "BTreeMap::new")]
    pub failures: BTreeMap<NodeId, RpcError>,
}

impl<T> PerNode<T> {
    /// The reply of the node that runs the current call; a provider returns this.
    pub fn here(value: T) -> Self {
        let node =
            Context::current().and_then(|context| context.node().cloned()).unwrap_or_else(|| NodeId::new("local"));
        Self { replies: BTreeMap::from([(node, value)]), failures: BTreeMap::new() }
    }
}

impl<T> Merge for PerNode<T> {
    fn merge(&mut self, other: Self) {
        self.replies.extend(other.replies);
        self.failures.extend(other.failures);
    }

    fn absent(&mut self, node: NodeId, error: RpcError) {
        self.failures.insert(node, error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_add_and_stop_at_their_ends() {
        let mut sum = (250_u8, vec!["a"]);
        sum.merge((10, vec!["b"]));
        assert_eq!(sum, (255, vec!["a", "b"]));
    }
}
