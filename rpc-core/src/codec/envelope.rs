//! JSON-RPC 2.0, strictly: the envelope around a call and around its reply, as pure functions over bytes.
//!
//! Arguments and results pass through as the raw text they came in, so a gateway can forward what it does not understand.
//! Members that JSON-RPC does not name are ignored, so that later versions can add some; they must be well-formed, and no
//! name may come twice. Source: <https://www.jsonrpc.org/specification>.

mod depth;
mod reply;
mod request;
mod usual;
mod write;

use std::fmt;

use serde_json::value::RawValue;

pub use self::depth::{MAX_DEPTH, MAX_MESSAGE_DEPTH, depth_within};
pub use self::reply::{BadReply, ErrorBody, ReplyBody, parse_reply};
pub use self::request::{BadRequest, INVALID_REQUEST, Message, PARSE_ERROR, Request, Unparsed, parse};
pub use self::write::{
    write_covered_result, write_error, write_forwarded, write_notification, write_request, write_result,
};

/// What a reply is matched to its request by: kept as raw text, so that a reply echoes it byte for byte.
#[derive(Clone, Copy)]
pub enum Id<'a> {
    /// No `id` member: a notification, which gets no reply.
    Absent,
    /// `null`; also the id of a reply to a request whose own could not be read.
    Null,
    /// An integer of any size.
    Number(&'a RawValue),
    /// A string, in its quotes.
    Text(&'a RawValue),
}

impl<'a> Id<'a> {
    /// Reads an id, or says why it is none.
    fn read(raw: Option<&'a RawValue>) -> Result<Self, &'static str> {
        let Some(raw) = raw else {
            return Ok(Self::Absent);
        };
        match raw.get().as_bytes() {
            b"null" => Ok(Self::Null),
            [b'"', ..] => Ok(Self::Text(raw)),
            [b'-' | b'0'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => Ok(Self::Number(raw)),
            [b'-' | b'0'..=b'9', ..] => Err("`id` must not be a number with a fraction or an exponent"),
            _ => Err("`id` must be a string, an integer or null"),
        }
    }

    /// The id's JSON text; an absent one is `null`, as a reply must have one.
    #[must_use]
    pub fn as_json(&self) -> &'a str {
        match self {
            Self::Absent | Self::Null => "null",
            Self::Number(raw) | Self::Text(raw) => raw.get(),
        }
    }

    /// The id as a number, if it is one that our own clients could have sent.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(raw) => raw.get().parse().ok(),
            _ => None,
        }
    }
}

/// Equal if their texts are.
impl PartialEq for Id<'_> {
    fn eq(&self, other: &Self) -> bool {
        matches!(self, Self::Absent) == matches!(other, Self::Absent) && self.as_json() == other.as_json()
    }
}

impl Eq for Id<'_> {}

impl fmt::Debug for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("Id(absent)"),
            _ => write!(f, "Id({})", self.as_json()),
        }
    }
}

const JSON_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// The body as text that is no deeper than a message may be, without the space around it.
fn text_of(body: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(body).map_err(|error| format!("the body is not valid UTF-8: {error}"))?;
    if text.starts_with('\u{feff}') {
        return Err("the body starts with a byte order mark, which JSON must not have".to_owned());
    }
    if !depth_within(body, MAX_MESSAGE_DEPTH) {
        return Err(format!("the body is nested deeper than {MAX_MESSAGE_DEPTH} levels"));
    }
    match text.trim_matches(JSON_SPACE) {
        "" => Err("the body is empty".to_owned()),
        trimmed => Ok(trimmed),
    }
}

/// Whether a `jsonrpc` member is the version we speak.
fn is_version_2(raw: Option<&RawValue>) -> bool {
    raw.is_some_and(|raw| raw.get() == "\"2.0\"" || super::raw::read_text(raw.get()).is_ok_and(|text| text == "2.0"))
}

#[cfg(test)]
mod tests;
