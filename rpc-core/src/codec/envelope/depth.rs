//! How deep a message may nest, checked in one pass before anything is parsed.

/// Deepest nesting of one argument or result, in arrays and objects. It is serde_json's own limit (it refuses the 128th),
/// chosen so that no decoder of a recursive type runs out of stack.
pub const MAX_DEPTH: usize = 127;

/// Deepest nesting of a whole message: a batch, an envelope and its params, around one argument.
pub const MAX_MESSAGE_DEPTH: usize = MAX_DEPTH + 3;

/// Whether no bracket or brace of this JSON text stands inside more than `limit - 1` others. Those in strings do not
/// count. Time is linear in the text; what is not JSON gets some answer, and is refused by the parser.
#[must_use]
pub fn depth_within(body: &[u8], limit: usize) -> bool {
    // A text with few openings cannot be deep: a count of them spares most messages the walk.
    count_openings(body) <= limit || walk_within(body, limit)
}

/// Counts in bytes, over chunks too short to overflow one, so that the compiler can use whole vectors of them.
fn count_openings(body: &[u8]) -> usize {
    // `[` and `{` differ in one bit only.
    let opens = |&byte: &u8| u8::from(byte | 0x20 == b'{');
    let in_chunk = |chunk: &[u8]| chunk.iter().map(opens).sum::<u8>();
    body.chunks(u8::MAX.into()).map(|chunk| usize::from(in_chunk(chunk))).sum()
}

fn walk_within(body: &[u8], limit: usize) -> bool {
    let mut depth = 0_usize;
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'[' | b'{' if depth == limit => return false,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

/// Moves behind the closing quote, or to the end if there is none.
fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            // The byte escaped, which may be a quote.
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn brackets_in_strings_do_not_count() {
        assert!(depth_within(br#"["[[[\"[[[", {"{{": "]]"}]"#, 2));
        assert!(!depth_within(br#"["[[[\\", [["a"]]]"#, 2));
        assert!(depth_within(b"[[],[],[[]]]", 3));
        assert!(depth_within(b"", 0) && depth_within(b"7", 0) && !depth_within(b"[", 0));
    }

    proptest! {
        #[test]
        fn the_limit_is_exact(depth in 0_usize..300, limit in 0_usize..300, beside in "(\\[\\])*") {
            let text = format!("[{}{beside}{}]", "[".repeat(depth), "]".repeat(depth));
            let deepest = (depth + 1).max(if beside.is_empty() { 0 } else { depth + 2 });
            prop_assert_eq!(depth_within(text.as_bytes(), limit), deepest <= limit);
        }
    }
}
