//! Reads what a caller sent: one request or a batch of them.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{Id, is_version_2, text_of, usual};
use crate::codec::raw::{MAX_UNKNOWN_MEMBERS, ObjectFault, Unknown, read_elements, read_members, read_text};
use crate::error::text::{bounded, shown};

/// JSON-RPC's code for a body that is not JSON.
pub const PARSE_ERROR: i32 = -32700;

/// JSON-RPC's code for JSON that is not a request.
pub const INVALID_REQUEST: i32 = -32600;

/// What a body holds.
#[derive(Debug)]
pub enum Message<'a> {
    /// One request, to be answered by one reply.
    One(Result<Request<'a>, BadRequest<'a>>),
    /// A batch, to be answered by an array of replies; never empty.
    Batch(Vec<Result<Request<'a>, BadRequest<'a>>>),
}

/// One call as it came over the wire.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// What the reply carries; absent in a notification.
    pub id: Id<'a>,
    /// The name of service and method, any text.
    pub method: Cow<'a, str>,
    /// The arguments: the text of an object or an array.
    pub params: Option<&'a RawValue>,
}

impl<'a> Request<'a> {
    /// The arguments' JSON text, empty if there are none: what [`Args::parse`](crate::codec::args::Args::parse) takes.
    #[must_use]
    pub fn params_json(&self) -> &'a [u8] {
        self.params.map_or(&[], |raw| raw.get().as_bytes())
    }

    /// Whether the caller wants no reply.
    #[must_use]
    pub fn is_notification(&self) -> bool {
        matches!(self.id, Id::Absent)
    }
}

/// A JSON value that is no request; its code is [`INVALID_REQUEST`]. It gets a reply even without an id, as JSON-RPC asks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadRequest<'a> {
    /// What the reply carries: the request's id, or null if there was none to read.
    pub id: Id<'a>,
    message: String,
}

impl<'a> BadRequest<'a> {
    fn new(id: Id<'a>, message: impl Into<String>) -> Self {
        let id = if id == Id::Absent { Id::Null } else { id };
        Self { id, message: bounded(message.into()) }
    }
}

/// Why a body holds neither a request nor a batch; the reply's id is null.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unparsed {
    /// Not JSON, or JSON that reads differently in different parsers.
    #[error("{0}")]
    Parse(String),
    /// JSON of the wrong shape.
    #[error("{0}")]
    Invalid(String),
}

impl Unparsed {
    fn parse(message: impl Into<String>) -> Self {
        Self::Parse(bounded(message.into()))
    }

    /// JSON-RPC's code for it.
    #[must_use]
    pub const fn code(&self) -> i32 {
        match self {
            Self::Parse(_) => PARSE_ERROR,
            Self::Invalid(_) => INVALID_REQUEST,
        }
    }
}

/// Reads a body, which may hold up to `max_batch` requests. Time and memory are linear in its length.
///
/// # Errors
/// [`Unparsed`] if it is no JSON, has a doubled envelope member, nests deeper than a message may, or is neither an object
/// nor an array of 1 to `max_batch` elements.
pub fn parse(body: &[u8], max_batch: usize) -> Result<Message<'_>, Unparsed> {
    let text = text_of(body).map_err(Unparsed::parse)?;
    if let Some(request) = usual::request(text) {
        return Ok(Message::One(Ok(request)));
    }
    match text.as_bytes()[0] {
        b'{' => read_request(text).map(Message::One),
        b'[' => read_batch(text, max_batch).map(Message::Batch),
        _ => {
            serde_json::from_str::<IgnoredAny>(text).map_err(not_json)?;
            Err(Unparsed::Invalid("a request is a JSON object".to_owned()))
        }
    }
}

fn not_json(error: serde_json::Error) -> Unparsed {
    Unparsed::parse(format!("the body is not valid JSON: {error}"))
}

type Batch<'a> = Vec<Result<Request<'a>, BadRequest<'a>>>;

fn read_batch(text: &str, max_batch: usize) -> Result<Batch<'_>, Unparsed> {
    let elements = read_elements(text, max_batch).map_err(not_json)?;
    if elements.count == 0 {
        return Err(Unparsed::Invalid("a batch must not be empty".to_owned()));
    }
    if elements.count > max_batch {
        return Err(Unparsed::Invalid(format!(
            "a batch of {} requests is over the limit of {max_batch}",
            elements.count
        )));
    }
    elements.kept.into_iter().map(read_element).collect()
}

fn read_element(raw: &RawValue) -> Result<Result<Request<'_>, BadRequest<'_>>, Unparsed> {
    if raw.get().starts_with('{') {
        read_request(raw.get())
    } else {
        Ok(Err(BadRequest::new(Id::Null, "a request in a batch is a JSON object")))
    }
}

const MEMBERS: [&str; 4] = ["jsonrpc", "id", "method", "params"];

/// The outer error condemns the whole body, the inner one this request only.
pub(super) fn read_request(text: &str) -> Result<Result<Request<'_>, BadRequest<'_>>, Unparsed> {
    let mut values = [None; MEMBERS.len()];
    let name = match read_members(text, &MEMBERS, Unknown::Ignore, &mut values) {
        Ok(()) => return Ok(check(values)),
        Err(ObjectFault::Syntax(error)) => return Err(not_json(error)),
        Err(ObjectFault::TooManyUnknown) => {
            let message = format!("the request has more than {MAX_UNKNOWN_MEMBERS} members of unknown name");
            return Ok(Err(BadRequest::new(Id::Null, message)));
        }
        Err(ObjectFault::DuplicateKnown(index)) => MEMBERS[index].to_owned(),
        Err(ObjectFault::DuplicateUnknown(name) | ObjectFault::Unknown(name)) => name,
    };
    Err(Unparsed::parse(format!("the request has two members named `{}`", shown(&name))))
}

/// The id is read first, so that every later refusal can carry it.
fn check<'a>(
    [version, id, method, params]: [Option<&'a RawValue>; MEMBERS.len()],
) -> Result<Request<'a>, BadRequest<'a>> {
    let id = Id::read(id).map_err(|message| BadRequest::new(Id::Null, message))?;
    let refuse = |message: &str| BadRequest::new(id, message);
    if !is_version_2(version) {
        return Err(refuse("`jsonrpc` must be \"2.0\""));
    }
    let method = method.ok_or_else(|| refuse("`method` is missing"))?;
    let method = read_text(method.get()).map_err(|_| refuse("`method` must be a string"))?;
    match params.map(|raw| raw.get().as_bytes()[0]) {
        None | Some(b'{' | b'[') => Ok(Request { id, method, params }),
        _ => Err(refuse("`params` must be an object or an array, or left out")),
    }
}
