//! Which node should own which slot: an explicit table, balanced by weight, with no slot moved needlessly.
//!
//! Targets come by largest remainder (Hamilton's method), so each is within one slot of the exact share. The remainder
//! seats go first to nodes that already hold more than their share rounded down: a seat there moves nothing.

use std::cmp::Reverse;

use crate::slot::Slot;

/// How much a node should hold relative to the others; 0 holds nothing (a node on its way out).
pub type Weight = u32;

/// Slots in the table, as a count.
const SLOTS: u64 = Slot::COUNT as u64;

/// Owners are numbered with a `u16`. It also bounds the sum of all weights below 2^48, and so every product here below
/// 2^63.
const MAX_NODES: usize = 1 << 16;

/// Why slots cannot be assigned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssignError {
    /// There is no node, or every weight is 0.
    #[error("no node has a weight above 0, so no node can own a slot")]
    NoWeight,
    /// More nodes than an owner's index can number.
    #[error("{0} nodes are more than the {MAX_NODES} that can share the slots")]
    TooManyNodes(usize),
    /// `counts` and `weights` describe different numbers of nodes.
    #[error("{counts} counts of slots were given for {weights} weights")]
    CountsMismatch {
        /// How many counts.
        counts: usize,
        /// How many weights.
        weights: usize,
    },
    /// The table of owners does not have one entry a slot.
    #[error("a table of {0} owners does not cover the 16384 slots")]
    TableLength(usize),
    /// An owner's index has no weight.
    #[error("slot {slot} is owned by node number {owner}, which is not in the list of weights")]
    UnknownOwner {
        /// The slot so owned.
        slot: usize,
        /// The index without a weight.
        owner: u16,
    },
}

/// How many slots each node should own: its share by weight, rounded so that the sum is [`Slot::COUNT`]. `counts` is what
/// each owns now, which decides only who gets the seats that rounding leaves over.
///
/// # Errors
/// [`AssignError`] if no weight is above 0, or the slices do not fit each other.
pub fn targets(weights: &[Weight], counts: &[u32]) -> Result<Vec<u32>, AssignError> {
    if weights.len() > MAX_NODES {
        return Err(AssignError::TooManyNodes(weights.len()));
    }
    if counts.len() != weights.len() {
        return Err(AssignError::CountsMismatch { counts: counts.len(), weights: weights.len() });
    }
    let total: u64 = weights.iter().copied().map(u64::from).sum();
    if total == 0 {
        return Err(AssignError::NoWeight);
    }
    let share = |weight: Weight| SLOTS * u64::from(weight);
    // A share is at most all slots, so it fits.
    let mut targets: Vec<u32> = weights.iter().map(|&weight| (share(weight) / total) as u32).collect();
    let seats = Slot::COUNT as usize - targets.iter().map(|&floor| floor as usize).sum::<usize>();

    // Only a share that was rounded down may be rounded up: a node of weight 0 must not win a seat. There are always more
    // such shares than seats, since each lost less than one slot.
    let mut rounded: Vec<usize> = (0..weights.len()).filter(|&node| share(weights[node]) % total > 0).collect();
    rounded.sort_by_key(|&node| {
        let above = counts[node] > targets[node];
        (Reverse(above), Reverse(share(weights[node]) % total), node)
    });
    for &node in &rounded[..seats] {
        targets[node] += 1;
    }
    Ok(targets)
}

/// The next owner of every slot, as an index into `weights`. `current` holds each slot's owner now, `None` where it has none
/// or its owner is not in the list.
///
/// Moves exactly the slots that a node owns above its target, and gives those and the free ones to the nodes below theirs,
/// in ascending order; from nothing, each node gets one contiguous range. The same input always gives the same table.
///
/// # Errors
/// [`AssignError`] if no weight is above 0, or `current` is not a table of owners among `weights`.
pub fn assign(current: &[Option<u16>], weights: &[Weight]) -> Result<Vec<u16>, AssignError> {
    let counts = count_owned(current, weights)?;
    let targets = targets(weights, &counts)?;

    let mut surplus: Vec<u32> =
        counts.iter().zip(&targets).map(|(count, target)| count.saturating_sub(*target)).collect();
    let mut next = current.to_vec();
    // From the top, so that what a node keeps stays one range.
    for owner in next.iter_mut().rev() {
        if let Some(node) = *owner
            && surplus[usize::from(node)] > 0
        {
            surplus[usize::from(node)] -= 1;
            *owner = None;
        }
    }

    let mut takers = (0..=u16::MAX)
        .zip(counts.iter().zip(&targets))
        .flat_map(|(node, (count, target))| std::iter::repeat_n(node, target.saturating_sub(*count) as usize));
    let table = next.into_iter().map(|owner| {
        owner.or_else(|| takers.next()).expect("targets sum to all slots, so as many are wanted as are free")
    });
    Ok(table.collect())
}

fn count_owned(current: &[Option<u16>], weights: &[Weight]) -> Result<Vec<u32>, AssignError> {
    if current.len() != usize::from(Slot::COUNT) {
        return Err(AssignError::TableLength(current.len()));
    }
    let mut counts = vec![0; weights.len()];
    for (slot, owner) in current.iter().enumerate() {
        if let Some(owner) = *owner {
            *counts.get_mut(usize::from(owner)).ok_or(AssignError::UnknownOwner { slot, owner })? += 1;
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    static FREE: [Option<u16>; Slot::COUNT as usize] = [None; Slot::COUNT as usize];

    fn owned(table: &[u16]) -> Vec<Option<u16>> {
        table.iter().copied().map(Some).collect()
    }

    fn moves(from: &[Option<u16>], to: &[u16]) -> usize {
        from.iter().zip(to).filter(|(from, to)| from.is_some_and(|from| from != **to)).count()
    }

    #[test]
    fn three_equal_nodes_get_three_ranges() {
        let table = assign(&FREE, &[1, 1, 1]).unwrap();
        assert!(table.is_sorted());
        assert_eq!(targets(&[1, 1, 1], &[0; 3]), Ok(vec![5462, 5461, 5461]));
        assert_eq!((table[0], table[5461], table[5462], table[16383]), (0, 0, 1, 2));
    }

    /// The scenarios of the model in Python that chose the algorithm.
    #[test]
    fn joins_and_leaves_move_what_they_must() {
        let ten = assign(&FREE, &[1; 10]).unwrap();
        let eleven = assign(&owned(&ten), &[1; 11]).unwrap();
        assert_eq!(moves(&owned(&ten), &eleven), 16384 / 11);
        let without_3: Vec<_> = ten.iter().map(|&owner| (owner != 3).then_some(owner)).collect();
        let nine = assign(&without_3, &[1, 1, 1, 0, 1, 1, 1, 1, 1, 1]).unwrap();
        assert_eq!(moves(&without_3, &nine), 0);
        assert!(!nine.contains(&3));
    }

    #[test]
    fn a_weight_of_zero_never_wins_a_seat() {
        assert_eq!(targets(&[0, 1, 1, 1], &[9000, 0, 0, 0]), Ok(vec![0, 5462, 5461, 5461]));
        let leaving = assign(&owned(&[0; 16384]), &[0, 5]).unwrap();
        assert!(leaving.iter().all(|&owner| owner == 1));
    }

    #[test]
    fn what_cannot_be_assigned_is_named() {
        assert_eq!(assign(&FREE, &[]), Err(AssignError::NoWeight));
        assert_eq!(assign(&FREE, &[0, 0]), Err(AssignError::NoWeight));
        assert_eq!(assign(&FREE[1..], &[1]), Err(AssignError::TableLength(16383)));
        assert_eq!(targets(&[1], &[]), Err(AssignError::CountsMismatch { counts: 0, weights: 1 }));
        assert_eq!(targets(&vec![1; 65537], &[]), Err(AssignError::TooManyNodes(65537)));
        let mut stray = FREE;
        stray[7] = Some(1);
        assert_eq!(assign(&stray, &[1]), Err(AssignError::UnknownOwner { slot: 7, owner: 1 }));
    }

    #[test]
    fn more_nodes_than_slots_and_the_largest_weights_fit() {
        let table = assign(&FREE, &vec![u32::MAX; MAX_NODES]).unwrap();
        assert!(table.iter().copied().eq(0..Slot::COUNT));
    }

    fn weights() -> impl Strategy<Value = Vec<Weight>> {
        let weight = prop_oneof![3 => 0_u32..5, 1 => any::<u32>()];
        prop::collection::vec(weight, 1..20).prop_filter("one must be above 0", |all| all.iter().any(|&w| w > 0))
    }

    /// A table that some earlier weights led to, with some slots freed.
    fn table(nodes: usize) -> impl Strategy<Value = Vec<Option<u16>>> {
        let owner = prop::option::of(0..nodes as u16);
        prop::collection::vec(owner, 64).prop_map(|runs| runs.into_iter().flat_map(|owner| [owner; 256]).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn tables_meet_their_targets_with_the_fewest_moves(
            (weights, current) in weights().prop_flat_map(|weights| (Just(weights.clone()), table(weights.len())))
        ) {
            let counts = count_owned(&current, &weights).unwrap();
            let targets = targets(&weights, &counts).unwrap();
            prop_assert_eq!(targets.iter().sum::<u32>(), u32::from(Slot::COUNT));
            let total: u64 = weights.iter().copied().map(u64::from).sum();
            for (&target, &weight) in targets.iter().zip(&weights) {
                // Less than one slot from the exact share, in units of 1/total.
                let (exact, given) = (SLOTS * u64::from(weight), u64::from(target) * total);
                prop_assert!(exact.abs_diff(given) < total);
            }

            let next = assign(&current, &weights).unwrap();
            prop_assert_eq!(count_owned(&owned(&next), &weights).unwrap(), targets.clone());
            let excess: u32 = counts.iter().zip(&targets).map(|(count, target)| count.saturating_sub(*target)).sum();
            prop_assert_eq!(moves(&current, &next), excess as usize);
            prop_assert_eq!(&assign(&current, &weights).unwrap(), &next, "not deterministic");
            prop_assert_eq!(&assign(&owned(&next), &weights).unwrap(), &next, "not stable");
        }
    }
}
