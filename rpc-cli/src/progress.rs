//! Shows how slots arrive: a bar on a terminal, plain lines elsewhere, nothing for scripts.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use rpc_core::error::bounded;
use tokio::time::Instant;

use crate::failure::Failure;
use crate::follow::Progress;
use crate::terminal::Screen;

/// Shortest time between two plain lines: a log of a move is read later, and by people.
const LINE_PAUSE: Duration = Duration::from_secs(1);

/// Where the slots are on their way, on the screen.
pub(crate) struct Display<'s, 'out> {
    screen: &'s mut Screen<'out>,
    /// On standard error, and only if that is a terminal and standard output is too.
    bar: Option<ProgressBar>,
    last: Progress,
    is_lost: bool,
    /// The last plain line and when it was written.
    line: Option<(String, Instant)>,
}

impl<'s, 'out> Display<'s, 'out> {
    /// A display that shows nothing yet.
    pub(crate) fn new(screen: &'s mut Screen<'out>) -> Self {
        let is_seen = screen.narrow && !screen.json && io::stderr().is_terminal();
        let bar = is_seen.then(|| ProgressBar::no_length().with_style(style()));
        Self { screen, bar, last: Progress::default(), is_lost: false, line: None }
    }

    /// Shows how far it is.
    pub(crate) fn show(&mut self, progress: &Progress) -> io::Result<()> {
        self.last = progress.clone();
        self.is_lost = false;
        let phases = phases(progress);
        if let Some(bar) = &self.bar {
            bar.set_length(progress.total.into());
            bar.set_position(progress.arrived.into());
            bar.set_message(phases);
            return Ok(());
        }
        self.say(&format!("{}; {phases}", self.arrived()))
    }

    /// Shows that the node does not answer.
    pub(crate) fn lost(&mut self, failure: &Failure) -> io::Result<()> {
        self.is_lost = true;
        let message = format!("asking again: {}", failure.sentence());
        match &self.bar {
            Some(bar) => bar.set_message(message),
            None => self.say(&message)?,
        }
        Ok(())
    }

    /// Whether the node did not answer when it was asked last.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// What has arrived so far, as the start of a sentence.
    pub(crate) fn arrived(&self) -> String {
        match self.last.total {
            0 => "no slot was seen to arrive".to_owned(),
            total => format!("{} of {total} slots arrived", self.last.arrived),
        }
    }

    /// A plain line, unless the last one said the same or is too new.
    fn say(&mut self, text: &str) -> io::Result<()> {
        let is_too_much = |(last, at): &(String, Instant)| last == text || at.elapsed() < LINE_PAUSE;
        if self.screen.json || self.line.as_ref().is_some_and(is_too_much) {
            return Ok(());
        }
        self.line = Some((text.to_owned(), Instant::now()));
        writeln!(self.screen.out, "{text}")?;
        self.screen.out.flush()
    }
}

impl Drop for Display<'_, '_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40.cyan/dim} {pos}/{len} slots  {elapsed}  {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn phases(progress: &Progress) -> String {
    if progress.phases.is_empty() {
        return "no move is under way".to_owned();
    }
    let each: Vec<String> = progress.phases.iter().map(|(phase, count)| format!("{count} in {phase}")).collect();
    bounded(format!("moves: {}", each.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::terminal::Paint;

    #[tokio::test(start_paused = true)]
    async fn plain_lines_are_few_and_never_repeated() {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, false, Paint::NONE);
        let mut display = Display::new(&mut screen);
        for arrived in [0, 10, 20, 20, 30] {
            let phases = BTreeMap::from([("copy".to_owned(), 2)]);
            display.show(&Progress { arrived, total: 30, phases }).expect("writes to memory");
            tokio::time::advance(LINE_PAUSE / 2).await;
        }
        drop(display);
        let text = String::from_utf8(out).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "0 of 30 slots arrived; moves: 2 in copy",
                "20 of 30 slots arrived; moves: 2 in copy",
                "30 of 30 slots arrived; moves: 2 in copy"
            ]
        );
    }
}
