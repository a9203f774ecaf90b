//! Notes when which slot was looked at, in which epoch: two nodes must never do that to one slot at the same time.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use wherever::{BootClock, Clock, Context};

/// A file of lines `slot epoch begin end outcome`, with nanoseconds on a clock that all processes of a machine share; or nothing.
#[derive(Clone, Default)]
pub(crate) struct Trace(Option<Arc<File>>);

impl Trace {
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        let open = |path| OpenOptions::new().create(true).append(true).open(path);
        Ok(Self(path.map(open).transpose()?.map(Arc::new)))
    }

    /// Looks, and notes it. One that was refused has touched nothing.
    pub(crate) fn note<T, E>(&self, look: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let (Some(mut file), Some(context)) = (self.0.as_deref(), Context::current()) else { return look() };
        let began = BootClock.now().as_nanos();
        let outcome = look();
        let ended = BootClock.now().as_nanos();
        let slot = context.slot().map_or(0, wherever::Slot::get);
        let word = if outcome.is_ok() { "done" } else { "refused" };
        let line = format!("{slot} {} {began} {ended} {word}\n", context.epoch());
        // One write for one line, so that lines of several threads never mix.
        if let Err(error) = file.write_all(line.as_bytes()) {
            eprintln!("counters: the trace has a gap: {error}");
        }
        outcome
    }
}
