//! `wherever slot`: the slot of a key, or of a million of them.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};

use clap::Args;
use rpc_core::limits;
use rpc_core::route::slot;
use serde::Serialize;

use crate::failure::Failure;
use crate::json;
use crate::terminal::Screen;

/// Input read at once, in bytes: thousands of keys for each system call.
const INPUT_BUFFER: usize = 256 << 10;

/// Longest key on standard input, in bytes: no call could carry a longer one.
const MAX_KEY: usize = limits::MAX_MESSAGE;

const EXAMPLES: &str = "\
With --json each key gives {\"key\":…,\"slot\":…}; with --stdin that is one line a key.
A key that is not UTF-8 stands there as \"key_hex\" instead of \"key\".
A line ends at \\n alone, so a \\r before it belongs to the key; an empty line is the empty key.

Examples:
  wherever slot user:42
  wherever slot '{user:42}.cart'    the same slot: only what stands in the braces is hashed
  wherever slot -- -1               a key that starts with a dash
  wherever slot --stdin < keys.txt | sort -n | uniq -c";

/// Print the slot of a key: the same number as Redis Cluster's CLUSTER KEYSLOT. Needs no node
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Slot {
    /// The key, byte for byte
    #[arg(required_unless_present = "stdin")]
    key: Option<OsString>,
    /// Read keys from standard input, one a line, and print one slot a line
    #[arg(long, conflicts_with = "key")]
    stdin: bool,
}

impl Slot {
    pub(crate) fn run(&self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        match &self.key {
            Some(key) => Ok(write_slot(screen, key.as_encoded_bytes())?),
            None => of_lines(io::stdin().lock(), screen),
        }
    }
}

/// Prints the slot of each line. Memory is bounded by the longest line, which is bounded by [`MAX_KEY`].
fn of_lines(input: impl Read, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let mut input = BufReader::with_capacity(INPUT_BUFFER, input);
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let limit = MAX_KEY as u64 + 1;
        let read = input.by_ref().take(limit).read_until(b'\n', &mut line).map_err(|error| Failure::input(&error))?;
        if read == 0 {
            break;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() > MAX_KEY {
            return Err(Failure::Usage(format!(
                "line {number} is longer than {MAX_KEY} bytes, which no call could carry"
            )));
        }
        write_slot(screen, &line)?;
        // The next read may wait for whoever writes the keys, and who may wait for these slots first.
        if input.buffer().is_empty() {
            screen.out.flush()?;
        }
    }
    Ok(())
}

fn write_slot(screen: &mut Screen<'_>, key: &[u8]) -> io::Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        key_hex: Option<String>,
        slot: slot::Slot,
    }
    let slot = slot::Slot::of_text(key);
    if !screen.json {
        return writeln!(screen.out, "{slot}");
    }
    let (key, key_hex) = json::text_or_hex(key);
    // The key is the user's own, so it is not searched for what could harm a terminal: that takes longer than all the rest.
    serde_json::to_writer(&mut *screen.out, &Line { key, key_hex, slot })?;
    screen.out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;
    use crate::terminal::Paint;

    fn slots(input: impl Read, json: bool) -> Result<String, Failure> {
        let mut out = Vec::new();
        of_lines(input, &mut Screen::new(&mut out, json, Paint::NONE))?;
        Ok(String::from_utf8(out).expect("text"))
    }

    #[test]
    fn a_line_is_a_key_byte_for_byte() {
        let input: &[u8] = b"foo\n\n{bar}x\r\n\xff{foo}\nfoo";
        assert_eq!(slots(input, false).expect("slots"), "12182\n0\n5061\n12182\n12182\n");
        let of_cr = slots(&b"foo\r\n"[..], false).expect("slots");
        assert_eq!(of_cr, format!("{}\n", slot::Slot::of_text(b"foo\r")));
        assert_eq!(slots(io::empty(), false).expect("slots"), "");
    }

    #[test]
    fn scripts_see_the_key_beside_its_slot() {
        let text = slots(&b"a\"b\n\xff\n"[..], true).expect("slots");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with(r#"{"key":"a\"b","slot":"#), "{text}");
        assert!(lines[1].starts_with(r#"{"key_hex":"ff","slot":"#), "{text}");
    }

    #[test]
    fn a_line_without_end_takes_bounded_memory() {
        let failure = slots(io::repeat(b'x'), false).expect_err("too long");
        assert_eq!(failure.exit(), Exit::Usage);
        let longest = vec![b'x'; MAX_KEY];
        assert!(slots(&longest[..], false).is_ok());
        let with_end = [&longest[..], b"\n"].concat();
        assert!(slots(&with_end[..], false).is_ok());
    }
}
