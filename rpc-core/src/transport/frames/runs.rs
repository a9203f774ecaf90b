//! The runs of slots that a reply speaks for.

use super::body::Body;
use super::{Fault, FrameKind, MAX_RUNS, Wrong, number};
use crate::call::Covered;

/// Runs of slots as they stand in a reply's frame; they are known to be readable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Runs<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl<'a> Runs<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The runs.
    pub fn iter(&self) -> impl Iterator<Item = Covered> + use<'a> {
        let mut body = Body::new(FrameKind::Reply, self.bytes);
        std::iter::from_fn(move || run(&mut body).ok())
    }

    /// Reads their count and walks over them: nothing is reserved for a count that is only declared.
    pub(super) fn read(body: &mut Body<'a>) -> Result<Self, Fault> {
        let declared = body.number("covered")?;
        let count = usize::try_from(declared).ok().filter(|count| (1..=MAX_RUNS).contains(count));
        let count = count.ok_or_else(|| body.fault("covered", Wrong::OutOfRange(declared)))?;
        let start = *body;
        for _ in 0..count {
            run(body)?;
        }
        let length = start.left() - body.left();
        Ok(Self { count, bytes: &start.rest()[..length] })
    }

    /// Appends them as they came.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        number::put(out, self.count as u64);
        out.extend_from_slice(self.bytes);
    }
}

/// Appends runs, behind their count.
pub(super) fn write(out: &mut Vec<u8>, covered: &[Covered]) {
    number::put(out, covered.len() as u64);
    for run in covered {
        number::put(out, run.first.get().into());
        number::put(out, run.last.get().into());
        number::put(out, run.epoch);
    }
}

fn run(body: &mut Body<'_>) -> Result<Covered, Fault> {
    let run = Covered { first: body.slot("first slot")?, last: body.slot("last slot")?, epoch: body.number("epoch")? };
    if run.first > run.last {
        return Err(body.fault("last slot", Wrong::OutOfRange(run.last.get().into())));
    }
    Ok(run)
}
