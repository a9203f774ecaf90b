//! A process of this program, on one core or on all.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::{Failed, usage};

/// A process of this program, spoken to in lines.
pub struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts this program with these words.
    pub fn start(words: &[&str], on_one_core: bool) -> Result<Self, Failed> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        // Inherited from this thread, which has nothing else to do.
        let mut child =
            if on_one_core { std::thread::spawn(move || on_first_core(command)).join() } else { Ok(command.spawn()) }
                .map_err(|_| "the starting thread panicked")??;
        let input = child.stdin.take().ok_or("no input")?;
        let output = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok(Self { child, input, output })
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> Result<String, Failed> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.is_empty() { Err("a process ended without its answer".into()) } else { Ok(line.trim().to_owned()) }
    }

    /// The line that it prints when it gets one.
    pub fn ask(&mut self) -> Result<String, Failed> {
        writeln!(self.input)?;
        self.line()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Either it has ended, or it is to.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn on_first_core(mut command: Command) -> std::io::Result<Child> {
    usage::use_one_core()?;
    command.spawn()
}
