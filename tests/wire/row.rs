//! One hostile or mistaken request, and how the node must refuse it.

use serde_json::Value;

use super::raw::{Answer, post};
use super::world::World;

pub(crate) struct Row {
    what: String,
    request: Vec<u8>,
    status: u16,
    code: Option<i64>,
    says: &'static str,
}

/// A JSON body that is answered by an error of this code whose message holds `says`; so is each part of a batch.
pub(crate) fn refused(body: impl AsRef<[u8]>, code: i64, says: &'static str) -> Row {
    let body = body.as_ref();
    let what = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
    Row { what, request: post(body), status: 200, code: Some(code), says }
}

/// A call of `Probe` that is refused like that.
pub(crate) fn refused_call(method: &str, params: &str, code: i64, says: &'static str) -> Row {
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"Probe.{method}","params":{params}}}"#);
    Row { what: format!("{method} {params:.80}"), ..refused(body, code, says) }
}

/// A request that never becomes one of JSON-RPC.
pub(crate) fn turned_away(what: &str, request: impl Into<Vec<u8>>, status: u16, says: &'static str) -> Row {
    Row { what: what.to_owned(), request: request.into(), status, code: None, says }
}

impl World {
    /// Sends each row to the first node, checks its answer, and that nothing ran and the node serves on.
    pub(crate) async fn refuses(&self, rows: impl IntoIterator<Item = Row>) {
        for row in rows {
            let ran = self.ran();
            let answer = self.send(&row.request).await.unwrap_or_else(|| panic!("no answer to {}", row.what));
            row.check(&answer);
            self.unharmed(&row.what, ran).await;
        }
    }
}

impl Row {
    fn check(&self, answer: &Answer) {
        let what = &self.what;
        assert_eq!(answer.status, self.status, "{what}: {answer:?}");
        assert_discreet(what, answer);
        let Some(code) = self.code else {
            assert!(answer.body.contains(self.says), "{what}: {answer:?}");
            return;
        };
        match answer.json() {
            Value::Array(replies) => {
                assert!(!replies.is_empty(), "{what}");
                replies.iter().for_each(|reply| self.check_reply(reply, code));
            }
            reply => self.check_reply(&reply, code),
        }
    }

    fn check_reply(&self, reply: &Value, code: i64) {
        let (what, error) = (&self.what, &reply["error"]);
        assert_eq!(error["code"], code, "{what}: {reply}");
        assert_eq!(error["data"]["executed"], "no", "{what}: {reply}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(self.says), "{what}: {message:?} does not say {:?}", self.says);
        assert!(message.len() <= 1024, "{what}: {} bytes", message.len());
        assert!(!message.chars().any(char::is_control), "{what}: {message:?}");
        assert_eq!(reply["jsonrpc"], "2.0", "{what}");
    }
}

/// An answer of ours is JSON, and says nothing of the node's inside. Those of the HTTP layer may be empty.
pub(crate) fn assert_discreet(what: &str, answer: &Answer) {
    if !answer.body.is_empty() {
        assert_eq!(answer.header("content-type").as_deref(), Some("application/json"), "{what}: {answer:?}");
        answer.json();
    }
    for inside in ["secret", "panicked at", ".rs", "/src", "backtrace", "RUST_"] {
        assert!(!answer.body.contains(inside), "{what}: {answer:?}");
    }
}
