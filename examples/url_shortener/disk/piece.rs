//! A piece of a copy as JSON: `{"v":1,"put":[[code,address],…]}`. Rows never change and never go, so there is nothing else to tell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;
use wherever::Slot;

use crate::address;

/// The version of the form. A build that changes it counts up, and older ones refuse the copy instead of guessing.
const VERSION: u32 = 1;

/// What a row takes beside its two texts.
const AROUND: usize = 8;

/// A piece.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Piece {
    v: u32,
    put: Vec<(String, String)>,
    #[serde(skip)]
    size: usize,
}

impl Piece {
    pub(super) fn new() -> Self {
        Self { v: VERSION, put: Vec::new(), size: 0 }
    }

    /// About how many bytes it will have.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn put(&mut self, code: &str, url: &str) {
        self.size += code.len() + url.len() + AROUND;
        self.put.push((code.to_owned(), url.to_owned()));
    }

    /// The bytes; none if nothing was put.
    pub(super) fn write(&self) -> Result<Vec<u8>, serde_json::Error> {
        if self.put.is_empty() { Ok(Vec::new()) } else { serde_json::to_vec(self) }
    }

    /// Reads the rows of a piece of `slot`.
    ///
    /// # Errors
    /// Why it is none, as a sentence.
    pub(super) fn read(slot: Slot, bytes: &[u8]) -> Result<BTreeMap<String, String>, String> {
        let Self { v, put, .. } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if v != VERSION {
            return Err(format!("it has the form of version {v}, this build reads version {VERSION}"));
        }
        let mut rows = BTreeMap::new();
        for (code, url) in put {
            check(slot, &code, &url)?;
            // A row may come twice, but not with two addresses.
            if rows.get(&code).is_some_and(|known| *known != url) {
                return Err(two_addresses(&code));
            }
            rows.insert(code, url);
        }
        Ok(rows)
    }
}

/// A code's address does not change.
pub(super) fn two_addresses(code: &str) -> String {
    format!("{code} stands for two addresses")
}

/// What may be put may be copied, and nothing else.
fn check(slot: Slot, code: &str, url: &str) -> Result<(), String> {
    if !address::is_code(code) {
        return Err(format!("{code:?} is no code"));
    }
    let its = Slot::of_text(code.as_bytes());
    if its != slot {
        return Err(format!("it holds {code}, which is in slot {its}"));
    }
    let parsed = Url::parse(url).map_err(|bad| format!("{code} stands for no address: {bad}"))?;
    address::check(&parsed).map_err(|bad| format!("{code} stands for no address: {bad}"))
}
