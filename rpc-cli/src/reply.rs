//! Makes an outcome of what a node answered to a call.

use reqwest::StatusCode;
use rpc_core::codec::envelope::{ErrorBody, Id, parse_reply};
use rpc_core::error::ErrorRecord;
use rpc_core::{Executed, Kind, RpcError};
use serde_json::value::RawValue;

use crate::failure::Failure;

/// The code of a provider's own error.
const PROVIDERS_OWN: i64 = 1;

/// Parse error, invalid request, unknown method, bad arguments: any JSON-RPC server refuses with these before it runs anything.
const NOT_EXECUTED: [i64; 4] = [-32700, -32600, -32601, -32602];

/// The result in the reply to request `id`. What is no reply to it may stand for a call that ran.
///
/// # Errors
/// The provider's error or the node's; [`Kind::Protocol`] for what is not the protocol.
pub(crate) fn read(body: &[u8], id: u64) -> Result<Box<RawValue>, Failure> {
    let garbage = |why: String| {
        Failure::unanswered(RpcError::new(Kind::Protocol, format!("the node's answer is not the protocol: {why}")))
    };
    let reply = parse_reply(body).map_err(|error| garbage(error.to_string()))?;
    match reply.answer {
        Ok(result) if reply.id.as_u64() == Some(id) => Ok(result.to_owned()),
        // A request that the node could not read is answered without an id.
        Err(error) if reply.id.as_u64() == Some(id) || reply.id == Id::Null => Err(refused(&error)),
        _ => Err(garbage(format!("it answers request {}, this was request {id}", reply.id.as_json()))),
    }
}

fn refused(error: &ErrorBody<'_>) -> Failure {
    if error.code == PROVIDERS_OWN {
        return Failure::Provider { message: error.message.to_string(), data: error.data.map(ToOwned::to_owned) };
    }
    let record = error.data.and_then(|data| serde_json::from_str::<ErrorRecord>(data.get()).ok());
    let error_of_stranger = || {
        let executed = if NOT_EXECUTED.contains(&error.code) { Executed::No } else { Executed::Maybe };
        let message = format!("the node answered error {}: {}", error.code, error.message);
        RpcError::new(Kind::Protocol, message).with_executed(executed)
    };
    Failure::Call { code: Some(error.code), error: record.map_or_else(error_of_stranger, RpcError::from_record) }
}

/// The failure behind an HTTP status other than 200, which carries every JSON-RPC reply.
pub(crate) fn unlike_a_reply(status: StatusCode) -> Failure {
    let (kind, executed) = match status.as_u16() {
        401 | 403 => (Kind::Unauthorised, Executed::No),
        413 => (Kind::TooLarge, Executed::No),
        503 => (Kind::Overloaded, Executed::No),
        // No such path, method or content type: the request never became a call.
        404 | 405 | 415 => (Kind::Protocol, Executed::No),
        _ => (Kind::Protocol, Executed::Maybe),
    };
    let message = format!("the answer was HTTP {status} instead of a reply");
    Failure::unanswered(RpcError::new(kind, message).with_executed(executed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    fn exit_of(body: &str) -> Exit {
        read(body.as_bytes(), 1).map_or_else(|failure| failure.exit(), |_| Exit::Done)
    }

    #[test]
    fn a_result_keeps_its_text() {
        let body = br#"{"jsonrpc":"2.0","id":1,"result":[12345678901234567890123,1.10]}"#;
        assert_eq!(read(body, 1).expect("a result").get(), "[12345678901234567890123,1.10]");
    }

    #[test]
    fn an_error_says_whether_the_call_ran() {
        let cases = [
            (r#"{"code":1,"message":"no such code"}"#, Exit::Failed),
            (r#"{"code":-32601,"message":"unknown"}"#, Exit::Refused),
            (
                r#"{"code":-32004,"message":"?","data":{"kind":"overloaded","executed":"no","message":"?"}}"#,
                Exit::Refused,
            ),
            (
                r#"{"code":-32008,"message":"?","data":{"kind":"cancelled","executed":"maybe","message":"?"}}"#,
                Exit::Maybe,
            ),
            (r#"{"code":-32603,"message":"?","data":{"kind":"encode","executed":"yes","message":"?"}}"#, Exit::Maybe),
            (r#"{"code":-32603,"message":"?"}"#, Exit::Maybe),
            (r#"{"code":-32004,"message":"?","data":{"kind":7}}"#, Exit::Maybe),
            (r#"{"code":42,"message":"a stranger's"}"#, Exit::Maybe),
        ];
        for (error, exit) in cases {
            assert_eq!(exit_of(&format!(r#"{{"jsonrpc":"2.0","id":1,"error":{error}}}"#)), exit, "{error}");
        }
        assert_eq!(exit_of(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}"#), Exit::Refused);
    }

    #[test]
    fn what_is_no_reply_may_stand_for_a_call_that_ran() {
        for body in [
            "",
            "<html>",
            "[]",
            "null",
            r#"{"jsonrpc":"2.0","id":2,"result":1}"#,
            r#"{"jsonrpc":"2.0","id":null,"result":1}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":1} {"jsonrpc":"2.0","id":1,"result":1}"#,
        ] {
            assert_eq!(exit_of(body), Exit::Maybe, "{body}");
        }
        assert_eq!(exit_of(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{}}}"#, "[".repeat(100_000))), Exit::Maybe);
    }
}
