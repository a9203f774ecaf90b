//! What people see: tables, colours, and names from outside made harmless.

use std::env;
use std::ffi::OsStr;
use std::io::{self, Write};

use comfy_table::{Table, presets};
use rpc_core::error::bounded;
use rpc_core::node::NodeId;

/// Longest text in a table's cell on a terminal, in characters: two of them and some short ones fit a wide terminal.
const CELL: usize = 60;

/// Colours of the 256 that are told apart on dark and on light, neighbours most of all.
pub(crate) const COLOURS: [u8; 12] = [33, 208, 35, 170, 178, 37, 203, 99, 106, 131, 67, 245];

/// Where a command writes, and for whom.
pub(crate) struct Screen<'a> {
    /// Standard output, or a test's buffer.
    pub(crate) out: &'a mut dyn Write,
    /// Whether a script reads it.
    pub(crate) json: bool,
    /// Its colours.
    pub(crate) paint: Paint,
    /// Whether it has a width: what goes to a pipe or a file is not cut.
    pub(crate) narrow: bool,
}

impl<'a> Screen<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, json: bool, paint: Paint) -> Self {
        Self { out, json, paint, narrow: false }
    }

    /// The same, with long cells cut if it is a terminal.
    pub(crate) fn cut_for(self, is_terminal: bool) -> Self {
        Self { narrow: is_terminal, ..self }
    }

    /// A line with a name and its value.
    pub(crate) fn field(&mut self, name: &str, value: &str) -> io::Result<()> {
        writeln!(self.out, "{} {value}", self.paint.bold(&format!("{name:<7}")))
    }

    /// A table whose cells may come from outside.
    pub(crate) fn table<const N: usize>(
        &mut self,
        header: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> io::Result<()> {
        for (number, line) in self.lines(header, rows).into_iter().enumerate() {
            if number == 0 { writeln!(self.out, "{}", self.paint.bold(&line))? } else { writeln!(self.out, "{line}")? }
        }
        Ok(())
    }

    /// The lines of such a table, plain, for what stands beside them.
    pub(crate) fn lines<const N: usize>(
        &self,
        header: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> Vec<String> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(header);
        let narrow = self.narrow;
        let shown = |cell| if narrow { cut(&bounded(cell)) } else { bounded(cell) };
        table.add_rows(rows.into_iter().map(|row| row.map(shown)));
        let bare = |line: String| line.trim_end().strip_prefix(' ').unwrap_or(line.trim_end()).to_owned();
        table.lines().map(bare).collect()
    }

    /// The line that says whose knowledge all the others are.
    pub(crate) fn seen_by(&mut self, node: &NodeId) -> io::Result<()> {
        writeln!(self.out, "\nas {} sees it; nothing else was contacted", bounded(node.to_string()))
    }
}

/// The whole of a terminal, drawn anew in place.
pub(crate) struct Canvas(());

impl Canvas {
    /// The terminal, if standard output is one that can move its cursor and people read it.
    pub(crate) fn on(screen: &Screen<'_>) -> Option<Self> {
        let is_able = env::var_os("TERM").is_some_and(|term| term != "dumb");
        (screen.narrow && !screen.json && is_able).then_some(Self(()))
    }

    /// Replaces what is on the terminal by `text`, as much of it as there is room for, without a flicker.
    pub(crate) fn redraw(&self, screen: &mut Screen<'_>, text: &str) -> io::Result<()> {
        let rows = rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_row));
        // A terminal that does not know its size takes everything.
        let room = if rows == 0 { usize::MAX } else { rows.saturating_sub(1) };
        let is_cut = text.lines().count() > room;
        // Long lines are cut by the terminal, not continued on the next row; each line is cleared after its end.
        screen.out.write_all(b"\x1b[?7l\x1b[H")?;
        for line in text.lines().take(if is_cut { room.saturating_sub(1) } else { room }) {
            write!(screen.out, "{line}\x1b[K\r\n")?;
        }
        if is_cut {
            screen.out.write_all("… the terminal has no room for the rest\x1b[K\r\n".as_bytes())?;
        }
        screen.out.write_all(b"\x1b[J")
    }

    /// Leaves the terminal as it was, below what was drawn last.
    pub(crate) fn leave(self, screen: &mut Screen<'_>) -> io::Result<()> {
        screen.out.write_all(b"\x1b[?7h")?;
        screen.out.flush()
    }
}

/// A key as a person may read it: text with control characters escaped; bytes that are no text in escapes; nothing as `""`.
pub(crate) fn shown(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "\"\"".to_owned();
    }
    bounded(match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.escape_ascii().to_string(),
    })
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(CELL) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Colours, or none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paint(bool);

impl Paint {
    /// Colours for a terminal, unless its owner wants none (<https://no-color.org>) or it has none.
    pub(crate) fn for_stream(is_terminal: bool) -> Self {
        Self::chosen(is_terminal, env::var_os("NO_COLOR").as_deref(), env::var_os("TERM").as_deref())
    }

    fn chosen(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> Self {
        let unwanted = no_color.is_some_and(|value| !value.is_empty());
        let unable = term.is_none_or(|term| term == "dumb");
        Self(is_terminal && !unwanted && !unable)
    }

    /// Text that stands out.
    pub(crate) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// Text of no importance.
    pub(crate) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// Text in one of [`COLOURS`], which repeat.
    pub(crate) fn coloured(self, number: usize, text: &str) -> String {
        self.with(&format!("38;5;{}", COLOURS[number % COLOURS.len()]), text)
    }

    /// Whether there are colours at all.
    pub(crate) fn is_on(self) -> bool {
        self.0
    }

    /// Text that alarms.
    pub(crate) fn red(self, text: &str) -> String {
        self.with("1;31", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
impl Paint {
    pub(crate) const NONE: Self = Self(false);
    pub(crate) const FULL: Self = Self(true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_whose_owner_wants_them() {
        let term = Some(OsStr::new("xterm"));
        assert_eq!(Paint::chosen(true, None, term), Paint(true));
        assert_eq!(Paint::chosen(true, Some(OsStr::new("")), term), Paint(true));
        assert_eq!(Paint::chosen(false, None, term), Paint(false));
        assert_eq!(Paint::chosen(true, Some(OsStr::new("1")), term), Paint(false));
        assert_eq!(Paint::chosen(true, None, Some(OsStr::new("dumb"))), Paint(false));
        assert_eq!(Paint::chosen(true, None, None), Paint(false));
    }

    #[test]
    fn a_hostile_cell_neither_paints_nor_floods() {
        let mut out = Vec::new();
        let row = [format!("\x1b[2J\u{9b}31m{}", "x".repeat(5000)), "b".to_owned()];
        let mut screen = Screen::new(&mut out, false, Paint::NONE).cut_for(true);
        screen.table(["A", "B"], [row]).expect("writes to memory");
        let text = String::from_utf8(out).expect("text");
        assert!(!text.contains(['\x1b', '\u{9b}']), "{text:?}");
        assert!(text.lines().all(|line| line.chars().count() < 80), "{text:?}");
    }

    #[test]
    fn what_goes_to_a_pipe_is_whole() {
        let mut out = Vec::new();
        let long = "x".repeat(300);
        Screen::new(&mut out, false, Paint::NONE).table(["A"], [[long.clone()]]).expect("writes to memory");
        assert!(String::from_utf8(out).expect("text").contains(&long));
    }

    #[test]
    fn keys_that_are_no_text_are_shown_in_escapes() {
        assert_eq!(shown("zürich".as_bytes()), "zürich");
        assert_eq!(shown(b"a\x1fb"), "a\\u{1f}b");
        assert_eq!(shown(b"\xff\x00"), "\\xff\\x00");
        assert_eq!(shown(b""), "\"\"");
    }
}
