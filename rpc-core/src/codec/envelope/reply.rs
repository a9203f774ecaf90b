//! Reads what a node answered to one request of ours, and believes none of it.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Id, is_version_2, text_of, usual};
use crate::codec::raw::{ObjectFault, Unknown, read_members, read_text};
use crate::error::text::bounded;

/// A reply as it came over the wire.
#[derive(Clone, Debug)]
pub struct ReplyBody<'a> {
    /// The id of the request it answers; null if the node could not read that.
    pub id: Id<'a>,
    /// The result's JSON text, or the error.
    pub answer: Result<&'a RawValue, ErrorBody<'a>>,
    /// The (slot, epoch) ranges that the answer covers: our own nodes add them to answers of calls that go to all nodes.
    pub covered: Option<&'a RawValue>,
}

/// A JSON-RPC error.
#[derive(Clone, Debug)]
pub struct ErrorBody<'a> {
    /// What kind of error; negative ones are the protocol's, 1 is the provider's own.
    pub code: i64,
    /// The error in words.
    pub message: Cow<'a, str>,
    /// The rest of it, of a shape that depends on the code.
    pub data: Option<&'a RawValue>,
}

/// Why a body is not a reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON-RPC reply: {message}")]
pub struct BadReply {
    message: String,
}

impl BadReply {
    fn new(message: impl Into<String>) -> Self {
        Self { message: bounded(message.into()) }
    }
}

const MEMBERS: [&str; 5] = ["jsonrpc", "id", "result", "error", "covered"];
const ERROR_MEMBERS: [&str; 3] = ["code", "message", "data"];

/// Reads the reply to one request. Time and memory are linear in its length.
///
/// # Errors
/// [`BadReply`] if it is not one strict JSON-RPC 2.0 reply with either a result or an error.
pub fn parse_reply(body: &[u8]) -> Result<ReplyBody<'_>, BadReply> {
    let text = text_of(body).map_err(BadReply::new)?;
    usual::reply(text).map_or_else(|| read_reply(text), Ok)
}

pub(super) fn read_reply(text: &str) -> Result<ReplyBody<'_>, BadReply> {
    let [version, id, result, error, covered] = read_object(text, &MEMBERS)?;
    if !is_version_2(version) {
        return Err(BadReply::new("`jsonrpc` must be \"2.0\""));
    }
    let id = match Id::read(id).map_err(BadReply::new)? {
        Id::Absent => return Err(BadReply::new("`id` is missing")),
        id => id,
    };
    let answer = match (result, error) {
        (Some(result), None) => Ok(result),
        (None, Some(error)) => Err(read_error(error)?),
        (Some(_), Some(_)) => return Err(BadReply::new("it has both a result and an error")),
        (None, None) => return Err(BadReply::new("it has neither a result nor an error")),
    };
    Ok(ReplyBody { id, answer, covered })
}

fn read_error(raw: &RawValue) -> Result<ErrorBody<'_>, BadReply> {
    let [code, message, data] = read_object(raw.get(), &ERROR_MEMBERS)?;
    let code = code.and_then(|raw| raw.get().parse().ok());
    let message = message.and_then(|raw| read_text(raw.get()).ok());
    Ok(ErrorBody {
        code: code.ok_or_else(|| BadReply::new("the error's `code` must be an integer of 64 bits"))?,
        message: message.ok_or_else(|| BadReply::new("the error's `message` must be a string"))?,
        data,
    })
}

fn read_object<'a, const N: usize>(text: &'a str, names: &[&str; N]) -> Result<[Option<&'a RawValue>; N], BadReply> {
    if !text.starts_with('{') {
        return Err(BadReply::new("it is not a JSON object"));
    }
    let mut values = [None; N];
    match read_members(text, names, Unknown::Ignore, &mut values) {
        Ok(()) => Ok(values),
        Err(ObjectFault::Syntax(error)) => Err(BadReply::new(format!("it is not valid JSON: {error}"))),
        Err(ObjectFault::TooManyUnknown) => Err(BadReply::new("it has too many members of unknown name")),
        Err(_) => Err(BadReply::new("it has two members of one name")),
    }
}
