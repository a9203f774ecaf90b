//! The slot map as a picture: a fixed grid, each cell in the colour or with the letter of its owner.

use std::io;

use rpc_core::slot::Slot;

use crate::map::{Held, SlotMap, State, share};
use crate::terminal::{COLOURS, Paint, Screen};

/// Cells in a row: with the row's first slot before them they fit a terminal of 80 columns.
const COLUMNS: usize = 64;

/// Slots in a cell: 16 rows, which leave room for the rest on a small terminal.
const CELL_SLOTS: usize = 16;

const _: () = assert!((Slot::COUNT as usize).is_multiple_of(COLUMNS * CELL_SLOTS));

/// The nodes that have a letter of their own; all others share [`NO_LETTER`].
const LETTERS: &[u8; 26] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Owned by a node for which no letter is left.
const NO_LETTER: char = '#';

/// Recovering, whoever owns it.
const RECOVERING: char = '!';

/// Owned by nobody.
const NOBODY: char = '.';

/// Draws the grid, and below it who is who.
pub(crate) fn draw(screen: &mut Screen<'_>, map: &SlotMap<'_>) -> io::Result<()> {
    let paint = screen.paint;
    let cells: Vec<Cell> = map.cells(CELL_SLOTS).map(Cell::of).collect();
    for (number, row) in cells.chunks(COLUMNS).enumerate() {
        let first = paint.dim(&format!("{:>5}", number * COLUMNS * CELL_SLOTS));
        let drawn: String = row.chunk_by(|a, b| a == b).map(|run| run[0].drawn(run.len(), map, paint)).collect();
        writeln!(screen.out, "{first}  {drawn}")?;
    }
    writeln!(screen.out)?;
    legend(screen, map)?;
    let marks = Marks::of(map, paint);
    writeln!(
        screen.out,
        "\none cell is {CELL_SLOTS} slots and shows who has most of them; {} is moving, {} recovering, {} nobody's",
        marks.moving, RECOVERING, marks.nobody
    )
}

fn legend(screen: &mut Screen<'_>, map: &SlotMap<'_>) -> io::Result<()> {
    let paint = screen.paint;
    let counts = map.counts();
    let rows = map.nodes.iter().zip(&counts).enumerate().map(|(number, (node, &slots))| {
        [letter(number).to_string(), node.id.to_string(), node.address.clone(), slots.to_string(), share(slots)]
    });
    let lines = screen.lines(["", "NODE", "ADDRESS", "SLOTS", "SHARE"], rows);
    for (number, line) in lines.iter().enumerate() {
        match number.checked_sub(1) {
            None if paint.is_on() => writeln!(screen.out, "       {}", paint.bold(line))?,
            None => writeln!(screen.out, "  {line}")?,
            Some(node) if paint.is_on() => writeln!(screen.out, "  {}  {line}", paint.coloured(node, "███"))?,
            Some(_) => writeln!(screen.out, "  {line}")?,
        }
    }
    Ok(())
}

/// What a cell of the grid shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    owner: Option<usize>,
    state: State,
}

impl Cell {
    /// The owner of most of these slots, the first of equals; and what deserves attention, if only one slot does.
    fn of(slots: &[Held]) -> Self {
        let owners = slots.iter().map(|held| held.owner.map(|(node, _)| node));
        let of = |owner| owners.clone().filter(|other| *other == owner).count();
        // Of equals `max_by_key` takes the last.
        let owner = owners.clone().rev().max_by_key(|owner| of(*owner)).flatten();
        let state = slots.iter().map(|held| held.state).max().unwrap_or(State::Stable);
        Self { owner, state }
    }

    fn drawn(self, times: usize, map: &SlotMap<'_>, paint: Paint) -> String {
        let Some(owner) = self.owner else { return paint.dim(&NOBODY.to_string().repeat(times)) };
        // As soon as colours repeat, letters tell the nodes apart.
        let blocks = paint.is_on() && map.nodes.len() <= COLOURS.len();
        let mark = match self.state {
            State::Recovering => RECOVERING,
            State::Moving if blocks => '░',
            State::Moving => letter(owner).to_ascii_lowercase(),
            State::Stable if blocks => '█',
            State::Stable => letter(owner),
        };
        let mark = if self.state == State::Moving && mark == NO_LETTER { '~' } else { mark };
        paint.coloured(owner, &mark.to_string().repeat(times))
    }
}

/// The marks as the last line explains them.
struct Marks {
    moving: &'static str,
    nobody: char,
}

impl Marks {
    fn of(map: &SlotMap<'_>, paint: Paint) -> Self {
        let moving = if paint.is_on() && map.nodes.len() <= COLOURS.len() { "░" } else { "a small letter or ~" };
        Self { moving, nobody: NOBODY }
    }
}

fn letter(node: usize) -> char {
    LETTERS.get(node).copied().map_or(NO_LETTER, char::from)
}

#[cfg(test)]
mod tests {
    use rpc_core::cluster::view::{ClusterView, UnsettledView};

    use super::*;
    use crate::live::tests::live_view;

    fn drawn(view: &ClusterView, paint: Paint) -> String {
        let mut out = Vec::new();
        let map = SlotMap::of(view, "default").expect("there");
        draw(&mut Screen::new(&mut out, false, paint), &map).expect("writes to memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn without_colours_each_owner_has_a_letter() {
        let mut view = live_view();
        let slot = |number| Slot::new(number).expect("a slot");
        let unsettled = |first, last, state: &str| UnsettledView {
            group: "default".to_owned(),
            first: slot(first),
            last: slot(last),
            state: state.to_owned(),
        };
        view.live.as_mut().expect("live").unsettled =
            vec![unsettled(16, 31, "moving"), unsettled(1024, 1024, "recovering")];
        let text = drawn(&view, Paint::NONE);
        let rows: Vec<&str> = text.lines().take(16).collect();
        assert!(rows[0].starts_with("    0  AaAAAA"), "{text}");
        assert!(rows[1].starts_with(" 1024  !AAAAA"), "{text}");
        assert!(rows[15].starts_with("15360  CCC") && rows[15].len() == 7 + COLUMNS, "{text}");
        let legend: Vec<&str> = text.lines().nth(18).expect("a legend").split_whitespace().collect();
        assert_eq!(legend, ["A", "n1", "h:7001", "5462", "33.3", "%"]);
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn a_cell_shows_who_has_most_of_it() {
        let held = |owner| Held { owner, state: State::Stable };
        let slots = [held(Some((1, 1))), held(Some((0, 1))), held(Some((0, 2))), held(None)];
        assert_eq!(Cell::of(&slots), Cell { owner: Some(0), state: State::Stable });
        assert_eq!(Cell::of(&slots[..2]).owner, Some(1));
    }

    #[test]
    fn colours_run_as_long_as_the_owner_stays() {
        let text = drawn(&live_view(), Paint::FULL);
        let first = text.lines().next().expect("a row");
        assert!(first.ends_with(&format!("\x1b[38;5;33m{}\x1b[0m", "█".repeat(COLUMNS))), "{first:?}");
    }

    #[test]
    fn more_nodes_than_letters_still_have_a_picture() {
        let mut view = live_view();
        let group = view.groups.get_mut("default").expect("there");
        group.nodes = (0..40)
            .map(|n| rpc_core::node::NodeInfo {
                id: format!("n{n}").into(),
                address: format!("h:{}", 7000 + n),
                weight: 1,
            })
            .collect();
        group.slots.iter_mut().for_each(|run| run.node += 30);
        for paint in [Paint::NONE, Paint::FULL] {
            assert!(drawn(&view, paint).contains(&NO_LETTER.to_string().repeat(COLUMNS)));
        }
    }
}
