//! Runs this program again in valgrind, whose tool callgrind counts instructions and calls, and reads what it wrote.
//!
//! Only this program's own instructions count: those of the C library differ with the processor, for which it picks its copying and
//! searching functions at start. What calls it for memory is this program, and is counted.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Failed;
use crate::ways::Way;

/// The functions before and after what is counted, by whatever module and hash their names have around them.
const AROUND: [&str; 2] = ["*::counting_begins*", "*::counting_ends*"];

/// How the file is called that callgrind writes when it gets to the second of them: the second one.
const BETWEEN: &str = "2";

/// What a program calls for memory.
const ALLOCATING: [&str; 6] = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign"];

/// What was counted of all calls together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) instructions: u64,
    pub(crate) allocations: u64,
}

/// Counts the calls of this way.
pub(crate) fn count(way: Way) -> Result<Counted, Failed> {
    let program = env::current_exe()?;
    let folder = tempfile::tempdir()?;
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .args(AROUND.map(|function| format!("--dump-before={function}")))
        .arg(format!("--callgrind-out-file={}", folder.path().join("out").display()))
        .arg(&program)
        .args(["run", &way.to_string()])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind cannot be run ({error}); Debian has it in the package valgrind"))?;
    if !run.status.success() {
        return Err(format!("{way} ended with {}: {}", run.status, String::from_utf8_lossy(&run.stderr)).into());
    }
    let between = fs::read_to_string(folder.path().join("out").with_extension(BETWEEN))
        .map_err(|_| format!("valgrind found no functions {AROUND:?} to count between: is the program stripped?"))?;
    read(&between, &program)
}

/// Reads callgrind's format (<https://valgrind.org/docs/manual/cl-format.html>) as far as it is about what `program` did itself.
fn read(text: &str, program: &Path) -> Result<Counted, Failed> {
    let mut counted = Counted::default();
    let (mut objects, mut functions) = (Names::default(), Names::default());
    let (mut is_ours, mut allocates, mut of_callee) = (false, false, false);
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("ob=") {
            is_ours = Path::new(objects.resolve(name)?) == program;
        } else if let Some(name) = line.strip_prefix("cob=") {
            objects.resolve(name)?;
        } else if let Some(name) = line.strip_prefix("fn=") {
            functions.resolve(name)?;
        } else if let Some(name) = line.strip_prefix("cfn=") {
            allocates = ALLOCATING.contains(&functions.resolve(name)?);
        } else if let Some(calls) = line.strip_prefix("calls=") {
            let count = calls.split(' ').next().unwrap_or_default();
            if is_ours && allocates {
                counted.allocations += count.parse::<u64>()?;
            }
            of_callee = true;
        } else if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) {
            // The line after `calls=` is what the callee cost, which stands among the callee's own lines as well.
            let cost = line.rsplit(' ').next().unwrap_or_default();
            if is_ours && !of_callee {
                counted.instructions += cost.parse::<u64>()?;
            }
            of_callee = false;
        }
    }
    Ok(counted)
}

/// Names, each written once and then referred to by its number: `(3) malloc`, later `(3)`.
#[derive(Default)]
struct Names<'a>(HashMap<&'a str, &'a str>);

impl<'a> Names<'a> {
    fn resolve(&mut self, text: &'a str) -> Result<&'a str, Failed> {
        match text.split_once(' ') {
            Some((number, name)) => {
                self.0.insert(number, name);
                Ok(name)
            }
            None => self.0.get(text).copied().ok_or_else(|| format!("callgrind names no {text}").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_did_itself_is_counted_and_what_it_asked_the_c_library_for() {
        let text = "\
version: 1
positions: line
events: Ir

ob=(1) /bin/costs
fl=(1) ways.rs
fn=(1) costs::ways::collected::h00ff
58 7
+2 3
cob=(2) /usr/lib/libc.so.6
cfi=(2) ???
cfn=(2) malloc
calls=4 0
* 400
61 5
cfn=(3) costs::other
calls=1 0
61 20

fn=(3)
70 20

ob=(2)
fn=(2)
0 380
cfn=(4) calloc
calls=9 0
0 20

totals: 435
";
        let counted = read(text, Path::new("/bin/costs")).expect("readable");
        assert_eq!(counted, Counted { instructions: 7 + 3 + 5 + 20, allocations: 4 });
    }

    #[test]
    fn a_number_that_names_nothing_is_an_error() {
        assert!(read("ob=(7)\n", Path::new("/bin/costs")).is_err());
    }
}
