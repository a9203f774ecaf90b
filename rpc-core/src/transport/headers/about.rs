//! What a caller that knows the slot map says of its call, as the value of one header.
//!
//! One, because a header costs some two thousand instructions on its way: on either end it is an entry of a map that is filled,
//! copied for redirects and retries that never come, written or parsed, looked up, and dropped.

use bytes::Bytes;
use http::header::HeaderValue;

use crate::call::CallId;
use crate::slot::Slot;

/// `00c0ffee00c0ffee-7-0;slot=12182;epoch=1;ms=9999;cluster=…`: the call's id, then what else is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About<'a> {
    /// Who calls, and the how-manieth call of theirs it is.
    pub id: CallId,
    /// The slot that the caller computed.
    pub slot: Option<Slot>,
    /// The epoch of that slot that the caller knows.
    pub epoch: Option<u64>,
    /// For a retry under the same id: the epoch under which the call was first sent.
    pub retry: Option<u64>,
    /// The time left, in milliseconds.
    pub left: Option<u64>,
    /// The cluster's id; a node of another cluster refuses.
    pub cluster: Option<&'a str>,
}

/// The part of the header that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the header x-wherever-call cannot be read: its {0}")]
pub struct Unreadable(&'static str);

impl<'a> About<'a> {
    /// Nothing but the id.
    pub fn call(id: CallId) -> Self {
        Self { id, slot: None, epoch: None, retry: None, left: None, cluster: None }
    }

    /// The header's value. A cluster whose id no header can hold is left out, and then not checked.
    pub fn to_value(self) -> HeaderValue {
        // The id, four numbers of up to 20 digits, and the names.
        let mut text = Vec::with_capacity(CallId::MAX_TEXT + 4 * 20 + 40 + self.cluster.map_or(0, str::len));
        self.id.write(&mut text);
        let slot = self.slot.map(|slot| slot.get().into());
        let numbers = [(";slot=", slot), (";epoch=", self.epoch), (";retry=", self.retry), (";ms=", self.left)];
        for (name, number) in numbers {
            let Some(number) = number else { continue };
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        }
        if let Some(cluster) =
            self.cluster.filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            text.extend_from_slice(b";cluster=");
            text.extend_from_slice(cluster.as_bytes());
        }
        HeaderValue::from_maybe_shared(Bytes::from(text)).expect("digits, names, and an id that was looked at")
    }

    /// Reads the header's value. Members of other names are for later versions, and ignored.
    ///
    /// # Errors
    /// The member that cannot be read, or stands twice.
    pub fn parse(text: &'a str) -> Result<Self, Unreadable> {
        let (id, mut rest) = cut_off(text);
        let mut about = Self::call(id.parse().map_err(|_| Unreadable("call id"))?);
        while let Some(members) = rest {
            // A member without a value must not swallow the next one, name and all.
            let named = cut(members, b'=').filter(|(name, _)| !name.is_empty() && !name.contains(';'));
            let (name, behind) = named.ok_or(Unreadable("members"))?;
            if name == "cluster" {
                // The last member, to the end: a cluster's id may hold any letter.
                fill(&mut about.cluster, (!behind.is_empty()).then_some(behind), "cluster")?;
                break;
            }
            let (value, next) = cut_off(behind);
            match name {
                "slot" => fill(&mut about.slot, slot(value), "slot")?,
                "epoch" => fill(&mut about.epoch, decimal(value).and_then(Result::ok), "epoch")?,
                "retry" => fill(&mut about.retry, decimal(value).and_then(Result::ok), "retry")?,
                // More than fits is cut like any long wait.
                "ms" => fill(&mut about.left, decimal(value).map(|left| left.unwrap_or(u64::MAX)), "ms")?,
                _ if value.is_empty() => return Err(Unreadable("members")),
                _ => {}
            }
            rest = next;
        }
        Ok(about)
    }
}

/// The text up to the next `;`, and what is behind it if there is one.
fn cut_off(text: &str) -> (&str, Option<&str>) {
    cut(text, b';').map_or((text, None), |(first, rest)| (first, Some(rest)))
}

/// `str::split_once` at an ASCII byte: these texts are too short for the searcher that it sets up.
fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let place = text.bytes().position(|byte| byte == at)?;
    Some((&text[..place], &text[place + 1..]))
}

fn fill<T>(place: &mut Option<T>, value: Option<T>, name: &'static str) -> Result<(), Unreadable> {
    if place.is_some() || value.is_none() {
        return Err(Unreadable(name));
    }
    *place = value;
    Ok(())
}

fn slot(text: &str) -> Option<Slot> {
    u16::try_from(decimal(text)?.ok()?).ok().and_then(Slot::new)
}

/// A plain number, without the sign that Rust's integers would take; an error if it is too large.
fn decimal(text: &str) -> Option<Result<u64, TooLarge>> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) || text.is_empty() {
        return None;
    }
    Some(text.parse().map_err(|_| TooLarge))
}

struct TooLarge;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: CallId = CallId { session: 0x00c0_ffee, sequence: 7, acked: 6 };

    proptest! {
        #[test]
        fn what_was_written_reads_back(
            slot in proptest::option::of(0..Slot::COUNT),
            epoch in proptest::option::of(any::<u64>()),
            retry in proptest::option::of(any::<u64>()),
            left in proptest::option::of(any::<u64>()),
            cluster in proptest::option::of("[!-~]{1,40}"),
        ) {
            let slot = slot.and_then(Slot::new);
            let about = About { id: ID, slot, epoch, retry, left, cluster: cluster.as_deref() };
            let value = about.to_value();
            prop_assert_eq!(About::parse(value.to_str().expect("graphic")), Ok(about));
        }
    }

    #[test]
    fn members_of_later_versions_are_ignored_and_doubled_ones_refused() {
        let text = |members: &str| format!("{ID}{members}");
        assert_eq!(About::parse(&text(";via=x;slot=7")).map(|about| about.slot), Ok(Slot::new(7)));
        for (members, part) in [
            (";slot=7;slot=7", "slot"),
            (";slot=16384", "slot"),
            (";slot=-1", "slot"),
            (";epoch=", "epoch"),
            (";epoch=+1", "epoch"),
            (";ms=NaN", "ms"),
            (";ms", "members"),
            (";via;slot=7", "members"),
            (";;cluster=another", "members"),
            (";=7", "members"),
            (";", "members"),
            (";slot=7;", "members"),
            (";x=", "members"),
            (";x=;slot=7", "members"),
            (";cluster=", "cluster"),
        ] {
            assert_eq!(About::parse(&text(members)), Err(Unreadable(part)), "{members}");
        }
        let endless = text(";ms=99999999999999999999");
        assert_eq!(About::parse(&endless).map(|about| about.left), Ok(Some(u64::MAX)));
    }

    #[test]
    fn a_cluster_that_no_header_can_hold_is_left_out() {
        for cluster in ["a\r\nb", ""] {
            let about = About { cluster: Some(cluster), ..About::call(ID) };
            assert_eq!(about.to_value(), ID.to_string().as_str());
        }
    }
}
