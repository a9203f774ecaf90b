//! The table that is kept in `benches/costs.md`, and what may differ from it.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::callgrind::Counted;
use crate::ways::Way;
use crate::{CALLS, Failed};

/// How the table is written anew.
pub(crate) const UPDATE: &str = "cargo run --profile costs -p wherever-benches --bin costs -- --update";

/// How far the instructions of a call may be from the table, in percent: more than runs differ on a busy machine, less than anything that
/// anybody would add to a call on purpose.
const TOLERANCE: u64 = 3;

/// How many allocations of a thousand calls may be more or fewer: buffers that many calls share are full a call sooner or later, and timers
/// fire when it is time. An allocation more in each call is a thousand.
const NOW_AND_THEN: u64 = 10;

/// How the line begins that names the compiler.
const COMPILER: &str = "Compiled by ";

/// What calls cost.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) compiler: String,
    pub(crate) rows: Vec<Row>,
}

/// What calls of one way cost.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    name: String,
    /// Of one call.
    instructions: u64,
    /// Of a thousand calls, since some happen now and then.
    allocations: u64,
}

/// What a comparison comes to.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) differences: Vec<String>,
    /// Why instructions were not compared, if they were not.
    pub(crate) uncompared: Option<String>,
}

impl Row {
    pub(crate) fn new(way: Way, counted: &Counted) -> Self {
        let calls = u64::from(CALLS);
        Self {
            name: way.to_string(),
            instructions: counted.instructions / calls,
            allocations: counted.allocations * 1000 / calls,
        }
    }

    fn read(line: &str) -> Option<Self> {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let &[name, instructions, allocations] = cells.as_slice() else { return None };
        Some(Self {
            name: name.to_owned(),
            instructions: instructions.parse().ok()?,
            allocations: allocations.parse().ok()?,
        })
    }
}

impl Table {
    /// The table as it is kept.
    pub(crate) fn read() -> Result<Self, Failed> {
        let file = file();
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        Self::parse(&text).ok_or_else(|| format!("{} names no compiler", file.display()).into())
    }

    /// Keeps it.
    pub(crate) fn write(&self) -> Result<(), Failed> {
        Ok(fs::write(file(), self.text())?)
    }

    /// For people.
    pub(crate) fn print(&self) {
        print!("{}", self.rows());
    }

    /// What is in `now` and not in this, or the other way round.
    pub(crate) fn differences(&self, now: &Self) -> Told {
        let same_compiler = self.compiler == now.compiler;
        let uncompared = (!same_compiler).then(|| {
            format!(
                "Instructions were not compared: the table is of {}, this is {}. To renew it: {UPDATE}",
                self.compiler, now.compiler
            )
        });
        let mut differences = Vec::new();
        for row in &now.rows {
            match self.rows.iter().find(|kept| kept.name == row.name) {
                None => differences.push(format!("{}: is not in the table", row.name)),
                Some(kept) => differences.extend(kept.difference(row, same_compiler)),
            }
        }
        let gone = self.rows.iter().filter(|kept| now.rows.iter().all(|row| row.name != kept.name));
        differences.extend(gone.map(|kept| format!("{}: is in the table, and nobody counts it", kept.name)));
        Told { differences, uncompared }
    }

    fn parse(text: &str) -> Option<Self> {
        let compiler = text.lines().find_map(|line| line.strip_prefix(COMPILER))?.trim_end_matches('.').to_owned();
        Some(Self { compiler, rows: text.lines().filter_map(Row::read).collect() })
    }

    fn text(&self) -> String {
        format!(
            "# What a call costs\n\nWritten by `{UPDATE}`\nand compared by `./check`: \
             instructions within {TOLERANCE} %, allocations within {NOW_AND_THEN} of a thousand calls. `benches/README.md` says what is counted.\n\n{COMPILER}{}.\n\n{}",
            self.compiler,
            self.rows()
        )
    }

    fn rows(&self) -> String {
        let mut text = "| call | instructions of one | allocations of a thousand |\n|---|---:|---:|\n".to_owned();
        for Row { name, instructions, allocations } in &self.rows {
            text += &format!("| {name} | {instructions} | {allocations} |\n");
        }
        text
    }
}

impl Row {
    /// How `now` differs from this row, beyond what may be.
    fn difference(&self, now: &Self, same_compiler: bool) -> Vec<String> {
        let mut told = Vec::new();
        if now.allocations.abs_diff(self.allocations) > NOW_AND_THEN {
            told.push(format!(
                "{}: a thousand calls make {} allocations; the table says {}",
                self.name, now.allocations, self.allocations
            ));
        }
        let apart = now.instructions.abs_diff(self.instructions);
        if same_compiler && apart * 100 > self.instructions * TOLERANCE {
            let percent = apart as f64 * 100.0 / self.instructions as f64;
            let way = if now.instructions > self.instructions { "more" } else { "less" };
            told.push(format!(
                "{}: a call takes {} instructions, {percent:.1} % {way} than the {} of the table ({TOLERANCE} % may be)",
                self.name, now.instructions, self.instructions
            ));
        }
        told
    }
}

/// The compiler, on which every instruction depends.
pub(crate) fn compiler() -> Result<String, Failed> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(rustc).arg("--version").output()?;
    Ok(String::from_utf8(said.stdout)?.trim().to_owned())
}

fn file() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/costs.md"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, u64, u64)]) -> Table {
        let row = |&(name, instructions, allocations): &(&str, u64, u64)| Row {
            name: name.to_owned(),
            instructions,
            allocations,
        };
        Table { compiler: "rustc 1.90.0 (abc 2025-09-14)".to_owned(), rows: rows.iter().map(row).collect() }
    }

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let table = table(&[("local", 291, 1000), ("frames", 20_000, 9002)]);
        assert_eq!(Table::parse(&table.text()), Some(table));
    }

    #[test]
    fn an_allocation_in_every_ninetieth_call_is_told_and_three_percent_of_instructions_are_not() {
        let kept = table(&[("frames", 10_000, 9000)]);
        for (now, differs) in [
            (("frames", 10_300, 9000), 0),
            (("frames", 9_700, 9000), 0),
            (("frames", 10_301, 9000), 1),
            (("frames", 9_699, 9000), 1),
            (("frames", 10_000, 9010), 0),
            (("frames", 10_000, 9011), 1),
            (("frames", 20_000, 8989), 2),
        ] {
            let told = kept.differences(&table(&[now]));
            assert_eq!((told.differences.len(), told.uncompared), (differs, None), "{now:?}");
        }
    }

    #[test]
    fn rows_that_only_one_side_has_are_told() {
        let told = table(&[("local", 1, 1)]).differences(&table(&[("frames", 1, 1)]));
        assert_eq!(told.differences, ["frames: is not in the table", "local: is in the table, and nobody counts it"]);
    }

    #[test]
    fn another_compiler_is_told_and_only_its_instructions_are_passed_over() {
        let kept = table(&[("frames", 10_000, 9000)]);
        let now = Table { compiler: "rustc 2.0.0".to_owned(), ..table(&[("frames", 1, 9011)]) };
        let told = kept.differences(&now);
        assert!(told.uncompared.is_some_and(|why| why.contains("rustc 2.0.0") && why.contains(UPDATE)));
        assert_eq!(told.differences.len(), 1, "{:?}", told.differences);
    }
}
