//! The id that a linker writes into an executable: a note in one of its segments (ELF-64, little-endian; `elf(5)`).
#![cfg_attr(not(target_os = "linux"), allow(dead_code))]

use std::fs::File;

/// Most segments looked at: executables have about a dozen.
const MOST_SEGMENTS: u16 = 256;

/// Longest segment of notes that is read, in bytes: they have some hundred.
const MOST_NOTES: u64 = 64 << 10;

/// Lengths of the file's header and of a segment's, in bytes.
const HEADER: usize = 64;
const SEGMENT: usize = 56;

/// The kind of a segment that holds notes, and of the note that is the id, which its owner `GNU` defines.
const PT_NOTE: u32 = 4;
const NT_GNU_BUILD_ID: u32 = 3;
const OWNER: &[u8] = b"GNU\0";

/// The id, in hexadecimal digits; `None` if there is none, or the file is no such executable.
pub(super) fn build_id(file: &File) -> Option<String> {
    let header: [u8; HEADER] = read(file, 0, HEADER)?.try_into().ok()?;
    if !header.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let table = u64::from_le_bytes(*header[32..].first_chunk()?);
    let (size, count) = (u16::from_le_bytes([header[54], header[55]]), u16::from_le_bytes([header[56], header[57]]));
    if usize::from(size) != SEGMENT || count > MOST_SEGMENTS {
        return None;
    }
    let segments = read(file, table, SEGMENT * usize::from(count))?;
    segments.as_chunks::<SEGMENT>().0.iter().find_map(|segment| {
        let word = |at: usize| Some(u64::from_le_bytes(*segment.get(at..)?.first_chunk()?));
        let (offset, length) = (word(8)?, word(32)?);
        let is_notes = u32::from_le_bytes(*segment.first_chunk()?) == PT_NOTE && length <= MOST_NOTES;
        let notes = if is_notes { read(file, offset, usize::try_from(length).ok()?)? } else { return None };
        // Both alignments are in use; a note of another one is not found, or not the id.
        let align = usize::try_from(word(48)?).ok()?.clamp(4, 8);
        id_in(&notes, align)
    })
}

/// The id among these notes: each is the lengths of its owner's name and of its content, its kind, and the two, filled up to `align`.
fn id_in(mut notes: &[u8], align: usize) -> Option<String> {
    loop {
        let (head, rest) = notes.split_first_chunk::<12>()?;
        let word = |at: usize| head.get(at..)?.first_chunk().map(|word| u32::from_le_bytes(*word));
        let (name_len, content_len, kind) = (word(0)? as usize, word(4)? as usize, word(8)?);
        let name = rest.get(..name_len)?;
        let rest = rest.get(name_len.next_multiple_of(4)..)?;
        let content = rest.get(..content_len)?;
        if kind == NT_GNU_BUILD_ID && name == OWNER && !content.is_empty() {
            return Some(content.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        notes = rest.get(content_len.checked_next_multiple_of(align)?..)?;
    }
}

#[cfg(unix)]
fn read(file: &File, offset: u64, length: usize) -> Option<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset).ok()?;
    Some(bytes)
}

#[cfg(not(unix))]
fn read(_: &File, _: u64, _: usize) -> Option<Vec<u8>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(owner: &[u8], kind: u32, content: &[u8]) -> Vec<u8> {
        let words = [owner.len() as u32, content.len() as u32, kind];
        let mut note: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        for part in [owner, content] {
            note.extend_from_slice(part);
            note.resize(note.len().next_multiple_of(4), 0);
        }
        note
    }

    #[test]
    fn the_id_is_found_among_other_notes() {
        let id = note(OWNER, NT_GNU_BUILD_ID, &[0xab, 0, 1]);
        let notes = [note(OWNER, 1, &[0; 16]), note(b"other\0", NT_GNU_BUILD_ID, &[1]), id.clone()].concat();
        assert_eq!(id_in(&notes, 4).as_deref(), Some("ab0001"));
        assert_eq!(id_in(&notes[..notes.len() - id.len()], 4), None);
    }

    #[test]
    fn notes_that_lie_about_their_lengths_are_none() {
        for lengths in [[u32::MAX, 4], [4, u32::MAX], [4, 4]] {
            let mut notes = note(OWNER, NT_GNU_BUILD_ID, &[1, 2, 3, 4]);
            notes[..4].copy_from_slice(&lengths[0].to_le_bytes());
            notes[4..8].copy_from_slice(&lengths[1].to_le_bytes());
            notes.truncate(18);
            assert_eq!(id_in(&notes, 4), None);
        }
    }
}
