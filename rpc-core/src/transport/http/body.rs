//! Reads a reply's body, never more of it than the limit.

use std::error::Error;

use reqwest::Response;

use crate::error::{Executed, Kind, RpcError};

/// The whole body, if it is within `limit` bytes.
///
/// # Errors
/// [`Kind::TooLarge`] beyond the limit, [`Kind::ConnectionLost`] when it breaks off. Either way the call may have run.
pub(super) async fn read(mut response: Response, limit: usize) -> Result<bytes::Bytes, RpcError> {
    let too_large = || {
        RpcError::new(Kind::TooLarge, format!("the reply has more than {limit} bytes")).with_executed(Executed::Maybe)
    };
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let lost = |error: reqwest::Error| {
        let why = deepest(&error);
        RpcError::new(Kind::ConnectionLost, format!("the reply broke off: {why}")).with_source(error.without_url())
    };
    // Most replies are one chunk, which is handed on as it is.
    let Some(first) = response.chunk().await.map_err(lost)? else { return Ok(bytes::Bytes::new()) };
    let Some(second) = response.chunk().await.map_err(lost)? else {
        return if first.len() > limit { Err(too_large()) } else { Ok(first) };
    };
    let mut body = Vec::with_capacity(first.len() + second.len());
    body.extend_from_slice(&first);
    body.extend_from_slice(&second);
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    if body.len() > limit { Err(too_large()) } else { Ok(body.into()) }
}

/// The innermost cause, which says most: "connection refused" rather than "error sending request".
pub(super) fn deepest(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
