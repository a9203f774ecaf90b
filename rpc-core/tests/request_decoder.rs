//! The fuzz target's body under proptest: bytes at random, and requests that were damaged a little.

use proptest::prelude::*;

#[path = "../../fuzz/bodies/request.rs"]
mod body;

/// Tokens that meet in requests, so that random texts get past the first byte.
const TOKENS: [&str; 28] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\"",
    "\\",
    "null",
    "true",
    "1",
    "-0",
    "1.5",
    "1e400",
    "\"\"",
    "\"a\"",
    "\"\\ud800\"",
    "\"jsonrpc\":",
    "\"2.0\"",
    "\"id\":",
    "\"method\":\"m\"",
    "\"params\":",
    "\"code\":",
    "\"url\":",
    "\"jsonrpc\":\"2.0\",",
    "\u{feff}",
    "é",
];

const REQUEST: &str = r#"[{"jsonrpc":"2.0","id":"\u0041","method":"UrlStore.put","params":{"code":"a\n","url":[1,2]}},{"jsonrpc":"2.0","id":7,"method":"m","params":["a"],"x":{}}]"#;

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        body::decode(&bytes);
    }

    #[test]
    fn any_tokens_are_decoded_or_refused(tokens in prop::collection::vec(prop::sample::select(&TOKENS[..]), 0..40)) {
        body::decode(tokens.concat().as_bytes());
    }

    #[test]
    fn damaged_requests_are_decoded_or_refused(
        from in 0..REQUEST.len(),
        to in 0..=REQUEST.len(),
        damage in prop::collection::vec((0..REQUEST.len(), any::<u8>()), 0..3),
    ) {
        body::decode(REQUEST.as_bytes());
        let mut bytes = REQUEST.as_bytes().to_vec();
        for (at, byte) in damage {
            bytes[at] = byte;
        }
        body::decode(&bytes);
        body::decode(bytes.get(from..to).unwrap_or_default());
    }
}
