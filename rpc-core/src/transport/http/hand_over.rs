//! Asks the source of a move, over `POST /wherever/move`.

use reqwest::Client;
use reqwest::header::CONTENT_TYPE;

use super::{JSON, body, unsent_or_lost, url};
use crate::cluster::hand_over::{Answer, MAX_ANSWER, Question};
use crate::error::{Executed, Kind, RpcError};
use crate::limits::HAND_OVER_TIMEOUT;

/// Sends `question` to the node at `address`.
pub(super) async fn ask(client: &Client, address: &str, question: &Question) -> Result<Answer, RpcError> {
    let url = url(address, "/wherever/move")?;
    // Text and numbers only, which always encode.
    let asked = serde_json::to_vec(question).unwrap_or_default();
    let request = client.post(url).header(CONTENT_TYPE, JSON).timeout(HAND_OVER_TIMEOUT).body(asked);
    // A question changes nothing that asking again does not.
    let harmless = |error: RpcError| error.with_executed(Executed::No);
    let response = request.send().await.map_err(|error| harmless(unsent_or_lost(error)))?;
    let status = response.status();
    let body = body::read(response, MAX_ANSWER).await.map_err(harmless)?;
    let refused = |kind: Kind, why: String| Err(RpcError::new(kind, why).with_executed(Executed::No));
    match status.as_u16() {
        200 => Answer::read(body).or_else(|error| refused(Kind::Protocol, error.to_string())),
        409 | 503 => {
            let why = String::from_utf8_lossy(&body).into_owned();
            let kind = if status == 409 { Kind::InvalidRequest } else { Kind::Unavailable };
            refused(kind, format!("{address} does not hand over: {why}"))
        }
        _ => refused(Kind::Protocol, format!("{address} answered HTTP {status} to a question about a move")),
    }
}
