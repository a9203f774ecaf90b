//! Writes envelopes around JSON that is already written.

use super::{Id, Request};

/// Appends the reply to a call that the provider answered; `result` is JSON text.
pub fn write_result(out: &mut Vec<u8>, id: &Id<'_>, result: &[u8]) {
    const FRAME: usize = r#"{"jsonrpc":"2.0","id":,"result":}"#.len();
    // Exactly what is needed: a buffer without room behind it becomes `Bytes` without another allocation.
    out.reserve_exact(FRAME + id.as_json().len() + result.len());
    begin_reply(out, id);
    out.extend_from_slice(b",\"result\":");
    out.extend_from_slice(result);
    out.push(b'}');
}

/// As [`write_result`], with the JSON text of the (slot, epoch) ranges that the result covers.
pub fn write_covered_result(out: &mut Vec<u8>, id: &Id<'_>, result: &[u8], covered: &[u8]) {
    begin_reply(out, id);
    out.extend_from_slice(b",\"result\":");
    out.extend_from_slice(result);
    out.extend_from_slice(b",\"covered\":");
    out.extend_from_slice(covered);
    out.push(b'}');
}

/// Appends the reply to a call that failed; `data` is JSON text.
pub fn write_error(out: &mut Vec<u8>, id: &Id<'_>, code: i32, message: &str, data: Option<&[u8]>) {
    begin_reply(out, id);
    out.extend_from_slice(b",\"error\":{\"code\":");
    out.extend_from_slice(itoa::Buffer::new().format(code).as_bytes());
    out.extend_from_slice(b",\"message\":");
    write_text(out, message);
    if let Some(data) = data {
        out.extend_from_slice(b",\"data\":");
        out.extend_from_slice(data);
    }
    out.extend_from_slice(b"}}");
}

/// Appends a request; `params` is the JSON text of an object or array, or empty for none.
pub fn write_request(out: &mut Vec<u8>, id: u64, method: &str, params: &[u8]) {
    write_call(out, Some(itoa::Buffer::new().format(id)), method, params);
}

/// Appends a request that wants no reply; `params` as for [`write_request`].
pub fn write_notification(out: &mut Vec<u8>, method: &str, params: &[u8]) {
    write_call(out, None, method, params);
}

/// Appends a request as it came: the same id, the same bytes of arguments.
pub fn write_forwarded(out: &mut Vec<u8>, request: &Request<'_>) {
    let id = (!request.is_notification()).then(|| request.id.as_json());
    write_call(out, id, &request.method, request.params_json());
}

fn write_call(out: &mut Vec<u8>, id: Option<&str>, method: &str, params: &[u8]) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\"");
    if let Some(id) = id {
        out.extend_from_slice(b",\"id\":");
        out.extend_from_slice(id.as_bytes());
    }
    out.extend_from_slice(b",\"method\":");
    write_text(out, method);
    if !params.is_empty() {
        out.extend_from_slice(b",\"params\":");
        out.extend_from_slice(params);
    }
    out.push(b'}');
}

fn begin_reply(out: &mut Vec<u8>, id: &Id<'_>) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(id.as_json().as_bytes());
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("text has JSON, and a Vec takes every byte");
}
