//! Raw frames: what remains of a call when it is written by hand for one method, on one connection, with nothing else in it. The limit.
//!
//! A frame is its length, the number of its call, and the payload. No deadlines, no cancellation, no limits, one method, no errors but the
//! connection's. Whole frames of one read are taken in together, and what there is to say goes out in one write.

mod client;
mod codec;
mod frame;
mod server;

pub use self::client::Connection;
pub use self::codec::{Json, Postcard};
pub use self::server::serve;

use serde::{Deserialize, Serialize};

/// The request, borrowed on both sides.
#[derive(Serialize, Deserialize)]
struct Get<'a> {
    key: &'a str,
    payload: &'a str,
}

/// Room for one read, in bytes.
const READ: usize = 64 << 10;
