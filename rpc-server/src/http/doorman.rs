//! Turns away what must not become a call: browsers from elsewhere, other content types, oversized bodies.

use std::net::IpAddr;

use ::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, ORIGIN};
use ::http::request::Parts;
use ::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::listener::Arrival;
use crate::memory::Unread;
use crate::node::Node;

/// A request that is turned away before it is read.
#[derive(Debug)]
pub(super) struct TurnedAway {
    status: StatusCode,
    reason: &'static str,
}

impl TurnedAway {
    pub(super) fn unread(unread: Unread) -> Self {
        match unread {
            Unread::TooLarge => Self::too_large(),
            Unread::BrokenOff => Self::unreadable(),
            Unread::NoMemory => Self::no_memory(),
        }
    }

    pub(super) fn too_large() -> Self {
        Self {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            reason: "the body is larger than this node's limit for a message",
        }
    }

    pub(super) fn no_memory() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            reason: "the bodies that this node is reading or working on hold as much memory as they may",
        }
    }

    pub(super) fn unreadable() -> Self {
        Self { status: StatusCode::BAD_REQUEST, reason: "the body broke off or came too slowly" }
    }
}

impl IntoResponse for TurnedAway {
    fn into_response(self) -> Response {
        let body = format!(r#"{{"error":"{}","executed":"no"}}"#, self.reason);
        // The rest of the body is not read, so the connection cannot go on.
        let headers = [(CONTENT_TYPE, "application/json"), (header::CONNECTION, "close")];
        let mut response = (self.status, headers, body).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Checks what every route of ours asks of a request: that no web page of somebody else sent it.
///
/// A browser sends `Origin` with every POST of a page; a page whose name was re-bound to this address shows in `Host`.
pub(super) fn check_origin(parts: &Parts, node: &Node) -> Result<(), TurnedAway> {
    let headers = &parts.headers;
    let forbidden = |reason| Err(TurnedAway { status: StatusCode::FORBIDDEN, reason });
    let is_allowed =
        |origin: &HeaderValue| node.allowed_origins().iter().any(|allowed| allowed.as_bytes() == origin.as_bytes());
    if !headers.get_all(ORIGIN).iter().all(is_allowed) {
        return forbidden("requests of web pages are refused; allow their origin with NodeBuilder::allow_origin");
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    // The socket knows best; under another server the advertised address has to do.
    let is_loopback = parts.extensions.get().and_then(Arrival::is_loopback).unwrap_or_else(|| node.is_loopback());
    if is_loopback && !is_known_host(host, node) {
        return forbidden(
            "the Host header names neither an address nor this node; allow it with NodeBuilder::allow_host",
        );
    }
    Ok(())
}

/// An IP address, `localhost`, the advertised name, or a name allowed by the builder.
fn is_known_host(host: &str, node: &Node) -> bool {
    // What nodes ask for is the whole advertised address, which need not be taken apart.
    if host == node.address() {
        return true;
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || node.address().rsplit_once(':').is_some_and(|(own, _)| own.eq_ignore_ascii_case(name))
        || node.allowed_hosts().iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
}

/// Checks that the body is plain JSON in UTF-8 and, as far as it says so, within `limit` bytes.
pub(super) fn check_body(headers: &HeaderMap, limit: usize) -> Result<(), TurnedAway> {
    let unsupported = |reason| Err(TurnedAway { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, reason });
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    if !types.next().is_some_and(|value| is_json(value.as_bytes())) || types.next().is_some() {
        return unsupported("the content type must be application/json, in UTF-8");
    }
    if headers.get_all(CONTENT_ENCODING).iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return unsupported("compressed bodies are not supported");
    }
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(TurnedAway::too_large());
    }
    Ok(())
}

/// The content types of JSON-RPC over HTTP. A web page cannot send any of them across origins without asking first.
const JSON_TYPES: [&str; 3] = ["application/json", "application/json-rpc", "application/jsonrequest"];

/// One of [`JSON_TYPES`], with no charset but UTF-8.
fn is_json(content_type: &[u8]) -> bool {
    if content_type == b"application/json" {
        return true;
    }
    let Ok(text) = std::str::from_utf8(content_type) else { return false };
    let mut parts = text.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|kind| JSON_TYPES.iter().any(|json| kind.eq_ignore_ascii_case(json)));
    let is_utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    is_json && parts.all(is_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_in_utf8_is_read() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
        ] {
            assert!(is_json(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/json; charset=utf-16",
            "application/jsonp",
            "application/x-www-form-urlencoded",
        ] {
            assert!(!is_json(bad.as_bytes()), "{bad}");
        }
    }
}
