//! What a record must be to be believed.

use super::super::records::{BUCKETS, BadRecord, NodeRecord};
use super::super::view::is_dialable;
use crate::limits::{MAX_GROUPS, MAX_NODE_ID};

/// Whether the record of a node can be believed, under the key that ends with `id`.
pub(super) fn check_node(id: &str, node: &NodeRecord) -> Result<(), BadRecord> {
    let bad = |why: &str| Err(BadRecord(format!("the node's record {why}")));
    if node.id.as_str() != id {
        return bad("names another node than its key");
    }
    if id.is_empty() || id.len() > MAX_NODE_ID || id.chars().any(|c| c.is_control() || c == '/') {
        return bad("has an id that cannot be used");
    }
    if !is_dialable(&node.address) {
        return bad("has an address that is not host:port");
    }
    if node.groups.len() > MAX_GROUPS || node.groups.iter().any(|group| !is_group(group)) {
        return bad("has groups that cannot be used");
    }
    Ok(())
}

/// Whether `name` can name a group in a key.
fn is_group(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NODE_ID && !name.chars().any(|c| c.is_control() || c == '/')
}

/// Group and number of a bucket, by the rest of its key.
pub(super) fn bucket_name(rest: &str) -> Result<(&str, u16), BadRecord> {
    let bad = || BadRecord("the key names no bucket".to_owned());
    let (group, number) = rest.rsplit_once('/').filter(|(group, _)| is_group(group)).ok_or_else(bad)?;
    let is_plain = number.len() == 2 && number.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let parsed = u16::from_str_radix(number, 16).ok().filter(|parsed| is_plain && *parsed < BUCKETS);
    Ok((group, parsed.ok_or_else(bad)?))
}
