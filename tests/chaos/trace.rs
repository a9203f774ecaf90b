//! Merges what the nodes noted of their looks at slots, and checks that those of different epochs never overlap.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// When a slot was looked at in one epoch, from the first look to the last one, in nanoseconds of the machine's clock.
type Looks = BTreeMap<u64, (u128, u128)>;

/// Reads the files that are there.
///
/// # Panics
/// With the first overlaps, if there are any.
pub(crate) fn check(files: impl Iterator<Item = PathBuf>) {
    let mut slots: BTreeMap<u16, Looks> = BTreeMap::new();
    for file in files {
        for line in std::fs::read_to_string(file).unwrap_or_default().lines() {
            add(&mut slots, line);
        }
    }
    let overlaps: Vec<String> = slots.iter().flat_map(|(slot, looks)| overlaps(*slot, looks)).take(10).collect();
    assert!(overlaps.is_empty(), "slots had two owners at once: {overlaps:#?}");
}

fn add(slots: &mut BTreeMap<u16, Looks>, line: &str) {
    let fields: Vec<&str> = line.split(' ').collect();
    // A node that was killed may have written half a line; one that was refused has touched nothing.
    let &[slot, epoch, began, ended, "done"] = fields.as_slice() else { return };
    let number = |text: &str| text.parse::<u128>().expect("a number");
    let (began, ended) = (number(began), number(ended));
    let slot = u16::try_from(number(slot)).expect("a slot");
    let epoch = u64::try_from(number(epoch)).expect("an epoch");
    let span = slots.entry(slot).or_default().entry(epoch).or_insert((began, ended));
    *span = (span.0.min(began), span.1.max(ended));
}

fn overlaps(slot: u16, looks: &Looks) -> Vec<String> {
    let mut found = Vec::new();
    let mut until: Option<(u64, u128)> = None;
    for (epoch, (began, ended)) in looks {
        if let Some((before, ended)) = until
            && *began < ended
        {
            found.push(format!("slot {slot}: epoch {before} until {ended}, epoch {epoch} from {began}"));
        }
        until = Some((*epoch, until.map_or(*ended, |(_, before)| before.max(*ended))));
    }
    found
}

#[test]
fn overlaps_of_epochs_are_found() {
    let looks = |lines: &[&str]| {
        let mut slots = BTreeMap::new();
        lines.iter().for_each(|line| add(&mut slots, line));
        slots.iter().flat_map(|(slot, looks)| overlaps(*slot, looks)).count()
    };
    assert_eq!(looks(&["7 1 10 20 done", "7 2 20 30 done", "7 1 15 16 done", "8 1 25 26 done"]), 0);
    assert_eq!(looks(&["7 1 10 20 done", "7 2 19 30 done"]), 1);
    assert_eq!(looks(&["7 2 10 20 done", "7 1 30 31 done"]), 1, "an old owner after the new one");
    assert_eq!(looks(&["7 2 10 20 done", "7 1 30 31 refused"]), 0);
}
