//! What people see: tables, colours, and names from outside made harmless.

use std::env;
use std::ffi::OsStr;
use std::io::{self, Write};

use comfy_table::{Table, presets};
use rpc_core::error::bounded;
use rpc_core::node::NodeId;

/// Longest text in a table's cell on a terminal, in characters: two of them and some short ones fit a wide terminal.
const CELL: usize = 60;

/// Where a command writes, and for whom.
pub(crate) struct Screen<'a> {
    /// Standard output, or a test's buffer.
    pub(crate) out: &'a mut dyn Write,
    /// Whether a script reads it.
    pub(crate) json: bool,
    paint: Paint,
    /// Whether it has a width: what goes to a pipe or a file is not cut.
    narrow: bool,
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
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(header);
        let narrow = self.narrow;
        let shown = |cell| if narrow { cut(&bounded(cell)) } else { bounded(cell) };
        table.add_rows(rows.into_iter().map(|row| row.map(shown)));
        for (number, line) in table.lines().enumerate() {
            let line = line.trim_end();
            let line = line.strip_prefix(' ').unwrap_or(line);
            if number == 0 { writeln!(self.out, "{}", self.paint.bold(line))? } else { writeln!(self.out, "{line}")? }
        }
        Ok(())
    }

    /// The line that says whose knowledge all the others are.
    pub(crate) fn seen_by(&mut self, node: &NodeId) -> io::Result<()> {
        writeln!(self.out, "\nas {} sees it; nothing else was contacted", bounded(node.to_string()))
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
