//! The two envelopes as our own nodes write them, read without looking for members.
//!
//! Nearly every message between nodes has this form, and to search an object for its members costs twice what it takes to see
//! that they stand where they usually do. Whatever differs in as little as a space is left to the general readers, which accept more
//! and have the words for what is wrong.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Id, ReplyBody, Request};

const HEAD: &str = r#"{"jsonrpc":"2.0","id":"#;

/// `{"jsonrpc":"2.0","id":7,"method":"A.b","params":{…}}`.
pub(super) fn request(text: &str) -> Option<Request<'_>> {
    let (id, rest) = integer(text.strip_prefix(HEAD)?)?;
    let (method, rest) = rest.strip_prefix(r#","method":""#)?.split_once('"')?;
    let is_plain = method.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let params = rest.strip_prefix(r#","params":"#).filter(|params| is_plain && params.starts_with('{'))?;
    Some(Request { id, method: Cow::Borrowed(method), params: Some(last_value(params)?) })
}

/// `{"jsonrpc":"2.0","id":7,"result":…}`.
pub(super) fn reply(text: &str) -> Option<ReplyBody<'_>> {
    let (id, rest) = integer(text.strip_prefix(HEAD)?)?;
    let result = last_value(rest.strip_prefix(r#","result":"#)?)?;
    Some(ReplyBody { id, answer: Ok(result), covered: None })
}

fn integer(text: &str) -> Option<(Id<'_>, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = text.split_at(end);
    Some((Id::Number(serde_json::from_str(digits).ok()?), rest))
}

/// The one value before the brace that ends the text: with another member behind it, it would be no JSON.
fn last_value(text: &str) -> Option<&RawValue> {
    serde_json::from_str(text.strip_suffix('}')?).ok()
}
